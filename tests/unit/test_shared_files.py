"""Files that are the same by intent, and names that must differ: what no single part can see of the others."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.parts import Part, list_builds

ROOT = Path(__file__).parents[2]
FLAVORS = ROOT / "dockerfiles" / "flavors"
BUILDS = list_builds(read_catalog(ROOT / "catalog"))


# fullstack has a Python of its own and is not built on python's image, so it has copies of what python's users get.
@pytest.mark.parametrize("file", ["pip.conf", "starters/new_project.py"])
def test_fullstack_has_copies_of_python_s_files(file: str) -> None:
    original, copy = FLAVORS / "python" / file, FLAVORS / "fullstack" / file
    assert copy.read_bytes() == original.read_bytes(), f"copy {original} to {copy}, or change both"
    assert copy.stat().st_mode == original.stat().st_mode


def test_add_ons_with_a_java_keystore_give_it_the_same_dates() -> None:
    """Both write the distribution's keystore, which composes only where it is the same to the byte."""
    one, other = (ROOT / "dockerfiles" / "addons" / addon / "keystore_dates.py" for addon in ("jvm", "mobile"))
    assert one.read_bytes() == other.read_bytes(), f"copy {one} to {other}, or change both"


# codeopen-python-cuda asks in the image whether the versions are a set that the frameworks allow.
def test_an_image_with_cuda_builds_carries_each_package_once() -> None:
    names: list[str] = []
    for folder in ("flavors/python/frameworks", "addons/gpu", "companions/python-cuda"):
        lock = (ROOT / "dockerfiles" / folder / "requirements.lock").read_text()
        names += sorted(set(re.findall(r"(?m)^([\w.-]+)==(?!.*'aarch64')", lock)))
    assert {"nvidia-cublas-cu12", "nvidia-cudnn-cu12", "nvidia-nccl-cu12", "torch", "numpy"} <= set(names)
    assert [name for name in names if names.count(name) > 1] == []


def shared_names(part: Part) -> set[str]:
    """The named build contexts that are meant both as a part that it is built on and as an upstream of its own."""
    return {str(other) for other in part.builds_on} & set(part.upstreams)


@pytest.mark.parametrize("part", BUILDS, ids=lambda part: str(part.id))
def test_no_named_context_is_a_part_and_an_upstream(part: Part) -> None:
    """The part's image would win without a word, and the upstream's pin would mean nothing."""
    assert shared_names(part) == set()


def test_a_name_with_two_meanings_is_found() -> None:
    (polyglot,) = (part for part in BUILDS if str(part.id) == "polyglot")
    assert {"go", "rust"} <= {str(other) for other in polyglot.builds_on}, "upstreams have these names as well"
    assert shared_names(replace(polyglot, upstreams=(*polyglot.upstreams, "go"))) == {"go"}
