"""A new flavor is valid at once, stands last, and is added whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codeopen.authoring.new_part.flavor import draft_flavor
from codeopen.authoring.new_part.writing import write_part
from codeopen.errors import ScaffoldError
from codeopen.model.catalog.model import Catalog, Status
from codeopen.model.catalog.read import read_catalog

CHECKOUT = Path(__file__).parents[4]
CATALOG = read_catalog(CHECKOUT / "catalog")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(CHECKOUT / "catalog", tmp_path / "catalog")
    return tmp_path


def add(checkout: Path, flavor: str, name: str | None = None) -> Catalog:
    write_part(draft_flavor(CATALOG, flavor, name), checkout / "catalog", checkout)
    return read_catalog(checkout / "catalog")


def test_it_can_be_selected_and_stands_last(checkout: Path) -> None:
    before = (checkout / "catalog/flavors.yaml").read_text()
    catalog = add(checkout, "common-lisp")
    added = list(catalog.flavors.values())[-1]
    assert (added.id, added.name, added.status) == ("common-lisp", "Common Lisp", Status.AVAILABLE)
    assert added.sort_order == max(flavor.sort_order for flavor in CATALOG.flavors.values()) + 1
    assert [check.name for check in added.checks] == ["bc"]
    assert [flavor.id for flavor in catalog.flavors.values() if flavor.is_default] == ["fullstack"]
    assert (checkout / "catalog/flavors.yaml").read_text().startswith(before.rstrip("\n"))


def test_its_dockerfile_keeps_to_the_rules_of_all(checkout: Path) -> None:
    add(checkout, "elixir", "Elixir + OTP")
    folder = checkout / "dockerfiles/flavors/elixir"
    lines = (folder / "Dockerfile").read_text().splitlines()
    assert lines[0] == "# Elixir + OTP."
    assert lines[2:6] == ["FROM base", "ARG CODEOPEN_PART=elixir", 'ARG CODEOPEN_HEALTH=""', "USER root"]
    assert lines[-2:] == ["USER developer", "WORKDIR /home/developer/workspace"]
    assert "# elixir\n\nElixir + OTP, on the base.\n" in (folder / "README.md").read_text()


@pytest.mark.parametrize("name", ["C# and F#", "PDF: tools", 'say "hi"', "yes", "a, b]"])
def test_any_name_can_be_given(checkout: Path, name: str) -> None:
    assert add(checkout, "elixir", name).flavors["elixir"].name == name


@pytest.mark.parametrize(
    ("flavor", "said"),
    [
        ("go", "flavor 'go': the catalog has it already"),
        ("Elixir", "flavor 'Elixir': is no id"),
        ("base", "codeopen-base is the name of the base's own image"),
        ("js-gui-db", "is also the name of flavor js with gui and databases"),
        ("gui", '"gui" is also the id of a flavor'),
        ("addon-gui", "names that start with codeopen-addon are those of add-ons' own images"),
    ],
)
def test_what_can_t_be_had_leaves_no_trace(checkout: Path, flavor: str, said: str) -> None:
    before = (checkout / "catalog/flavors.yaml").read_bytes()
    with pytest.raises(ScaffoldError, match=said):
        add(checkout, flavor)
    assert (checkout / "catalog/flavors.yaml").read_bytes() == before
    assert not (checkout / "dockerfiles").exists() or list((checkout / "dockerfiles/flavors").iterdir()) == []
