from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeopen.errors import ImageNameError
from codeopen.model.plan.combinations import Combination, enumerate_combinations
from codeopen.model.selection.name import (
    ImageName,
    Release,
    format_image_name,
    parse_image_name,
    release_errors,
    selected_parts,
)
from tests.unit.catalogs import make_catalog, make_flavor

CATALOG = make_catalog()
RELEASE = Release("localhost:5000", "codeopen", "0.0.2")


@pytest.mark.parametrize(
    ("flavor", "addons", "name"),
    [
        ("js", (), "codeopen-js:0.0.2"),
        ("python", ("gui",), "codeopen-python-gui:0.0.2"),
        ("fullstack", ("code-server",), "codeopen-fullstack-code:0.0.2"),
        ("polyglot", ("gui", "databases"), "codeopen-polyglot-db-gui:0.0.2"),
        ("python", ("gpu",), "codeopen-python-gpu:0.0.2"),
    ],
)
def test_the_examples_of_the_specification(flavor: str, addons: tuple[str, ...], name: str) -> None:
    assert str(format_image_name(CATALOG, RELEASE, flavor, addons)) == f"localhost:5000/codeopen/{name}"


_component = st.from_regex(r"[a-z0-9]{1,5}([._-][a-z0-9]{1,5}){0,2}", fullmatch=True)


@given(
    combination=st.sampled_from(list(enumerate_combinations(CATALOG))),
    registry=st.sampled_from(["localhost", "localhost:5000", "ghcr.io", "[::1]:5000", "registry.example:65535"]),
    owner=st.lists(_component, min_size=1, max_size=3).map("/".join),
    version=st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}", fullmatch=True),
)
def test_every_valid_name_leads_back_to_its_selection(
    combination: Combination, registry: str, owner: str, version: str
) -> None:
    release = Release(registry, owner, version)
    image = format_image_name(CATALOG, release, combination.flavor, combination.addons)
    assert parse_image_name(CATALOG, str(image)) == image
    assert selected_parts(CATALOG, image) == (combination.flavor, combination.addons)


def test_all_names_differ() -> None:
    names = {
        str(format_image_name(CATALOG, RELEASE, combination.flavor, combination.addons))
        for combination in enumerate_combinations(CATALOG)
    }
    assert len(names) == 192


@pytest.mark.parametrize(
    ("release", "says"),
    [
        (Release("", "codeopen", "1"), "'' is not a registry"),
        (Release("https://ghcr.io", "codeopen", "1"), "'https://ghcr.io' is not a registry"),
        (Release("localhost:0", "codeopen", "1"), "is not a registry"),
        (Release("localhost:65536", "codeopen", "1"), "is not a registry"),
        (Release("mirror", "codeopen", "1"), "as mirror:5000"),
        (Release("ghcr.io", "CodeOpen", "1"), "'CodeOpen' is not an owner"),
        (Release("ghcr.io", "", "1"), "'' is not an owner"),
        (Release("ghcr.io", "a//b", "1"), "is not an owner"),
        (Release("ghcr.io", "a___b", "1"), "is not an owner"),
        (Release("ghcr.io", "codeopen", ""), "'' is not a version"),
        (Release("ghcr.io", "codeopen", "-1"), "is not a version"),
        (Release("ghcr.io", "codeopen", "1+2"), "is not a version"),
        (Release("ghcr.io", "codeopen", "1" * 129), "at most 128"),
        (Release("ghcr.io", "codeopen", "1\n"), "is not a version"),
    ],
)
def test_a_release_that_fits_no_name_is_refused(release: Release, says: str) -> None:
    assert any(says in str(error) for error in release_errors(release))
    with pytest.raises(ImageNameError):
        format_image_name(CATALOG, release, "js", ())


def test_all_errors_of_a_release_come_at_once() -> None:
    assert len(release_errors(Release("", "", ""))) == 3
    assert release_errors(Release("ghcr.io", "team/tools", "1" * 128)) == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not the name of a CodeOpen image"),
        ("codeopen-js:0.0.2", "write registry/owner/codeopen-flavor"),
        ("ghcr.io/codeopen-js:0.0.2", "is not the name of a CodeOpen image"),
        ("ghcr.io/codeopen/codeopen-js", "is not the name of a CodeOpen image"),
        ("ghcr.io/codeopen/js:0.0.2", "is not the name of a CodeOpen image"),
        ("ghcr.io/codeopen/codeopen-js:0.0.2@sha256:00", "leave out everything from @ on"),
        ("ghcr.io/codeopen/codeopen-pyhton:0.0.2", "did you mean 'python'?"),
        ("ghcr.io/codeopen/codeopen-js-data:0.0.2", "no add-on has the suffix 'data'"),
        ("ghcr.io/codeopen/codeopen-js-gui-db:0.0.2", "write codeopen-js-db-gui"),
        ("ghcr.io/codeopen/codeopen-js-gui-gui:0.0.2", "write codeopen-js-gui"),
        ("ghcr.io/codeopen/codeopen-js-:0.0.2", "no add-on has the suffix ''"),
        ("ghcr.io/codeopen/codeopen-:0.0.2", "there is no flavor ''"),
        ("ghcr.io/codeopen/codeopen-JS:0.0.2", "did you mean 'js'?"),
        ("ghcr.io/codeopen/codeopen-base:0.0.2", "names a part"),
        ("ghcr.io/codeopen/codeopen-addon-gui:0.0.2", "names a part"),
        (f"ghcr.io/{'a' * 240}/codeopen-js:0.0.2", "shorten the owner"),
    ],
)
def test_a_text_that_names_no_image_is_refused(text: str, says: str) -> None:
    with pytest.raises(ImageNameError) as caught:
        parse_image_name(CATALOG, text)
    assert says in str(caught.value)


@given(st.text(max_size=60) | st.from_regex(r"ghcr\.io/x/codeopen-(js|base|python)(-[a-z]{2,4}){0,2}:1"))
def test_any_text_is_a_name_or_a_clear_error(text: str) -> None:
    try:
        image = parse_image_name(CATALOG, text)
    except ImageNameError as error:
        assert error.fix  # noqa: PT017  either outcome is right, so pytest.raises can't say it
    else:
        assert str(image) == text


def test_a_flavor_may_hold_hyphens() -> None:
    catalog = make_catalog(flavors=[make_flavor("js"), make_flavor("js-lts"), make_flavor("js-lts-gui-like")])
    for flavor in catalog.flavors:
        for addons in ((), ("gui",), ("gui", "databases")):
            image = format_image_name(catalog, RELEASE, flavor, addons)
            assert parse_image_name(catalog, str(image)) == image
            assert selected_parts(catalog, image) == (flavor, addons)


@pytest.mark.parametrize(
    ("flavor", "suffixes"),
    [("Js", ()), ("js-", ()), ("base", ()), ("addon", ("gui",)), ("addon-x", ()), ("js", ("a-b",))],
)
def test_parts_that_fit_no_name_are_refused(flavor: str, suffixes: tuple[str, ...]) -> None:
    with pytest.raises(ImageNameError):
        ImageName("localhost", "x", flavor, suffixes, "1")
