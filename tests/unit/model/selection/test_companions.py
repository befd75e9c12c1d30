"""Companions are in an image because of what was selected, and are told with the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codeopen.errors import ImageNameError
from codeopen.model.selection.companions import companions_of, taken_because
from codeopen.model.selection.name import Release, parse_image_name
from codeopen.model.selection.resolve import resolve
from codeopen.model.selection.selection import Refusal, Resolution, Selection
from tests.unit.catalogs import ARM64, make_base, make_catalog, make_companion, spec_addons, spec_flavors

CUDA = make_companion("python-cuda", ("python", "polyglot"), ("gpu",))
DESKTOP = make_companion("gpu-desktop", ("js",), ("gui", "gpu"))
CATALOG = make_catalog(companions=[CUDA, DESKTOP])
RELEASE = Release("localhost:5000", "codeopen", "0.0.2")


@pytest.mark.parametrize(
    ("flavor", "addons", "taken"),
    [
        ("python", ("gpu",), ["python-cuda"]),
        ("polyglot", ("cloud", "gpu", "gui"), ["python-cuda"]),
        ("js", ("gpu", "gui"), ["gpu-desktop"]),
        # one of the two alone is not enough
        ("python", (), []),
        ("python", ("gui", "code-server", "databases", "cloud"), []),
        ("fullstack", ("gpu",), []),
        ("go", ("gpu", "gui"), []),
        ("js", ("gpu",), []),
        ("js", ("gui",), []),
    ],
)
def test_only_what_holds_the_flavor_and_all_add_ons_takes_it(
    flavor: str, addons: tuple[str, ...], taken: list[str]
) -> None:
    assert [companion.id for companion in companions_of(CATALOG, flavor, addons)] == taken
    outcome = resolve(CATALOG, Selection("power", flavor, addons), RELEASE)
    assert isinstance(outcome, Resolution)
    assert [companion.id for companion in outcome.companions] == taken


def test_it_has_neither_a_suffix_nor_a_price_nor_resources() -> None:
    selection = Selection("creator", "python", ("gpu",))
    bare = resolve(make_catalog(), selection, RELEASE)
    assert isinstance(bare, Resolution)
    assert resolve(CATALOG, selection, RELEASE) == replace(bare, companions=(CUDA,))
    assert str(bare.image) == "localhost:5000/codeopen/codeopen-python-gpu:0.0.2"


def test_the_reason_names_what_takes_it() -> None:
    assert taken_because(CUDA) == "taken by python or polyglot with gpu"
    assert taken_because(DESKTOP) == "taken by js with gui and gpu"


def test_a_platform_that_it_lacks_is_refused_with_the_reason() -> None:
    both = ("linux/amd64", ARM64)
    catalog = make_catalog(
        base=replace(make_base(), platforms=both),
        flavors=[replace(flavor, platforms=both) for flavor in spec_flavors()],
        addons=[replace(addon, platforms=both) for addon in spec_addons()],
        companions=[CUDA],
    )
    outcome = resolve(catalog, Selection("creator", "python", ("gpu",)), RELEASE, ARM64)
    assert isinstance(outcome, Refusal)
    (reason,) = outcome.reasons
    assert str(reason) == (
        "platform: not built for platform 'linux/arm64': companion 'python-cuda', taken by python or polyglot with "
        "gpu; use one of: linux/amd64"
    )
    for flavor, addons in (("python", ()), ("go", ("gpu",))):
        assert isinstance(resolve(catalog, Selection("creator", flavor, addons), RELEASE, ARM64), Resolution)


def test_its_image_is_no_combination() -> None:
    with pytest.raises(ImageNameError, match="names a part"):
        parse_image_name(CATALOG, "localhost:5000/codeopen/codeopen-companion-python-cuda:0.0.2")
