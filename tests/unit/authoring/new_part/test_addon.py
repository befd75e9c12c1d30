"""A new add-on is valid at once, keeps what people wrote, and is added whole or not at all."""

from __future__ import annotations

import ast
import shutil
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from codeopen.authoring.new_part.addon import draft_addon
from codeopen.authoring.new_part.draft import NewPart
from codeopen.authoring.new_part.writing import write_part
from codeopen.errors import ScaffoldError
from codeopen.model.catalog.model import Catalog, PortCheck, Status
from codeopen.model.catalog.read import read_catalog

CHECKOUT = Path(__file__).parents[4]
CATALOG = read_catalog(CHECKOUT / "catalog")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(CHECKOUT / "catalog", tmp_path / "catalog")
    return tmp_path


def add(checkout: Path, addon: str, name: str | None = None, port: int | None = None) -> Catalog:
    before = read_catalog(checkout / "catalog")
    write_part(draft_addon(before, addon, name, port), checkout / "catalog", checkout)
    return read_catalog(checkout / "catalog")


def test_it_can_be_selected_and_stands_last(checkout: Path) -> None:
    catalog = add(checkout, "pdf-tools")
    added = list(catalog.addons.values())[-1]
    assert (added.id, added.name, added.status, added.image_suffix) == (
        "pdf-tools",
        "Pdf Tools",
        Status.AVAILABLE,
        "pdftools",
    )
    others = [addon for addon in catalog.addons.values() if addon is not added]
    assert added.sort_order == max(addon.sort_order for addon in others) + 1
    assert added.layer_order == max(addon.layer_order for addon in others) + 1
    assert (added.extra_ports, dict(added.extra_env)) == ((), {})
    assert [check.name for check in added.checks] == ["bc"]


def test_what_was_there_stays_as_it_is(checkout: Path) -> None:
    file = checkout / "catalog/addons.yaml"
    before = file.read_text()
    add(checkout, "pdf")
    assert file.read_text().startswith(before.rstrip("\n"))
    assert file.read_text().endswith("upstreams: [package-archive]\n")
    assert list(file.parent.glob("*.part")) == []


def test_a_service_has_a_port_a_login_a_check_and_a_place(checkout: Path) -> None:
    catalog = add(checkout, "web-thing", port=9000)
    added = catalog.addons["web-thing"]
    (port,) = added.extra_ports
    assert (port.port, port.name, port.credential) == (9000, "web-thing", "WEB_THING")
    taken = [other.host_offset for addon in CATALOG.addons.values() for other in addon.extra_ports]
    assert port.host_offset not in [*taken, *(other.host_offset for other in CATALOG.base.ports)]
    assert dict(added.extra_env) == {"WEB_THING_PORT": "9000"}
    (check,) = [check for check in added.checks if isinstance(check, PortCheck)]
    assert (check.port, check.credential) == (9000, "WEB_THING")
    folder = checkout / "dockerfiles/addons/web-thing"
    assert sorted(file.name for file in folder.iterdir()) == [
        "Dockerfile",
        "README.md",
        "service.py",
        "supervisor.conf",
    ]
    ast.parse((folder / "service.py").read_text())
    dockerfile = (folder / "Dockerfile").read_text()
    assert "EXPOSE 9000\n" in dockerfile
    assert "ENV WEB_THING_PORT=9000\n" in dockerfile
    assert '"/etc/codeopen/health.d/$CODEOPEN_PART"' in dockerfile
    assert "[program:web-thing]" in (folder / "supervisor.conf").read_text()


@pytest.mark.parametrize("port", [None, 9000])
def test_its_dockerfile_keeps_to_the_rules_of_all(checkout: Path, port: int | None) -> None:
    add(checkout, "pdf", "PDF Tools", port)
    lines = (checkout / "dockerfiles/addons/pdf/Dockerfile").read_text().splitlines()
    assert lines[0] == "# PDF Tools."
    assert lines[2:6] == ["FROM base", "ARG CODEOPEN_PART=addon-pdf", 'ARG CODEOPEN_HEALTH=""', "USER root"]
    assert lines[-2:] == ["USER developer", "WORKDIR /home/developer/workspace"]
    assert not any("@" in line for file in (checkout / "dockerfiles").rglob("*.*") for line in file.read_text().split())


def test_two_can_be_added(checkout: Path) -> None:
    add(checkout, "one", port=9001)
    catalog = add(checkout, "two", port=9002)
    one, two = catalog.addons["one"], catalog.addons["two"]
    assert one.extra_ports[0].host_offset != two.extra_ports[0].host_offset
    assert one.layer_order < two.layer_order


@pytest.mark.parametrize("name", ["C# and F#", "PDF: tools", 'say "hi"', "yes", "Größe", "- dash", "'", "a  b"])
def test_any_name_can_be_given(checkout: Path, name: str) -> None:
    assert add(checkout, "pdf", name).addons["pdf"].name == name


@pytest.mark.parametrize(
    ("addon", "port", "said"),
    [
        ("gui", None, "the catalog has it already"),
        ("PDF", None, "is no id"),
        ("pdf--x", None, "is no id"),
        ("-pdf", None, "is no id"),
        ("a" * 41, None, "is no id"),
        ("a" * 21, None, "choose an id of at most 20"),
        ("d-b", None, "its suffix in names, db, is that of databases"),
        ("go", None, "its suffix in names, go, is that of go"),
        ("pdf", 80, "take one from 1024 to 65535"),
        ("pdf", 4096, "is the port of opencode"),
        ("pdf", 6080, "is the port of vnc"),
    ],
)
def test_what_can_t_be_had_is_told_before_anything_is_written(addon: str, port: int | None, said: str) -> None:
    with pytest.raises(ScaffoldError, match=said):
        draft_addon(CATALOG, addon, None, port)


def test_sixteen_ports_are_all_that_a_project_has() -> None:
    full = CATALOG
    for number in range(16 - len([port for addon in CATALOG.addons.values() for port in addon.extra_ports]) - 2):
        port = replace(CATALOG.base.ports[0], name=f"p{number}", port=20000 + number, host_offset=15 - number)
        addon = replace(CATALOG.addons["gui"], id=f"a{number}", extra_ports=(port,))
        full = replace(full, addons=MappingProxyType({**full.addons, addon.id: addon}))
    with pytest.raises(ScaffoldError, match="all 16 host ports of a project are taken"):
        draft_addon(full, "pdf", None, 9000)
    assert draft_addon(full, "pdf").part.id == "pdf"


def tree(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


@pytest.mark.parametrize("name", ["", "x" * 61, "two\nlines"])
def test_what_the_catalog_refuses_leaves_no_trace(checkout: Path, name: str) -> None:
    before = tree(checkout)
    # An empty name is not given, so it is put into the entry.
    new = draft_addon(CATALOG, "pdf", name or "placeholder")
    new = replace(new, entry=new.entry.replace("placeholder", '""'))
    with pytest.raises(ScaffoldError, match=r"nothing was added, the catalog would be wrong with it\n.*addons\.pdf"):
        write_part(new, checkout / "catalog", checkout)
    assert tree(checkout) == before
    assert not (checkout / "dockerfiles/addons/pdf").exists()


def test_an_error_on_the_way_leaves_no_trace(checkout: Path) -> None:
    before = tree(checkout)
    new = draft_addon(CATALOG, "pdf")
    impossible = NewPart(new.part, new.entry, {**new.files, "no/such/folder": ""})
    with pytest.raises(FileNotFoundError):
        write_part(impossible, checkout / "catalog", checkout)
    assert tree(checkout) == before
    assert not (checkout / "dockerfiles/addons/pdf").exists()


def test_a_folder_that_is_there_is_not_touched(checkout: Path) -> None:
    folder = checkout / "dockerfiles/addons/pdf"
    folder.mkdir(parents=True)
    (folder / "notes").write_text("mine")
    before = tree(checkout)
    with pytest.raises(ScaffoldError, match="is there already"):
        write_part(draft_addon(CATALOG, "pdf"), checkout / "catalog", checkout)
    assert tree(checkout) == before
