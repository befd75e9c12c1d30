"""Files that are the same by intent, and names that must differ: what no single part can see of the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.parts import Part, list_builds

ROOT = Path(__file__).parents[2]
FLAVORS = ROOT / "dockerfiles" / "flavors"
BUILDS = list_builds(read_catalog(ROOT / "catalog"))


# fullstack has a Python of its own and is not built on python's image, so it has copies of what python's users get.
@pytest.mark.parametrize("file", ["pip.conf"])
def test_fullstack_has_copies_of_python_s_files(file: str) -> None:
    original, copy = FLAVORS / "python" / file, FLAVORS / "fullstack" / file
    assert copy.read_bytes() == original.read_bytes(), f"copy {original} to {copy}, or change both"
    assert copy.stat().st_mode == original.stat().st_mode


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
