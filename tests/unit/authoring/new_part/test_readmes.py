"""READMEs of parts repeat the catalog as it is: those of this repository, and others when they are rewritten."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from codeopen.authoring.new_part import replacing
from codeopen.authoring.new_part.addon import draft_addon
from codeopen.authoring.new_part.readme import BEGIN, END
from codeopen.authoring.new_part.readmes import ReadmeState, read_readmes, write_readmes
from codeopen.authoring.new_part.writing import write_part
from codeopen.cli.main import main
from codeopen.errors import ReadmeError
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.context import read_context
from codeopen.model.plan.parts import PartId, PartKind, list_parts
from tests.tracked import tracked

CHECKOUT = Path(__file__).parents[4]
GUI = "dockerfiles/addons/gui/README.md"
JS = "dockerfiles/flavors/js/README.md"
STALE = f"{GUI}: repeats the catalog as it was; run codeopen part readme addon-gui --write\n"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real catalog and READMEs."""
    shutil.copytree(CHECKOUT / "catalog", tmp_path / "catalog")
    for part in list_parts(read_catalog(CHECKOUT / "catalog")):
        (tmp_path / part.directory).mkdir(parents=True)
        shutil.copy(CHECKOUT / part.directory / "README.md", tmp_path / part.directory)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def make_gui_stale(checkout: Path) -> None:
    edit(checkout / "catalog/addons.yaml", "name: Desktop GUI", "name: Desktop")


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["part", "readme", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def tree(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def test_those_of_this_repository_are_current() -> None:
    readmes = read_readmes(read_catalog(CHECKOUT / "catalog"), CHECKOUT)
    assert [readme.problem for readme in readmes if readme.problem] == []
    there = {str(file.relative_to(CHECKOUT)) for file in tracked(CHECKOUT / "dockerfiles", "README.md")}
    assert there - {readme.file for readme in readmes} == {"dockerfiles/base/acp-gateway/README.md"}, "is no part"


def test_a_stale_block_is_told_with_its_file_and_the_command(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(capsys) == (0, "READMEs that repeat the catalog as it is: 16\n", "")
    make_gui_stale(checkout)
    before = tree(checkout)
    assert call(capsys) == (1, "", STALE)
    assert tree(checkout) == before


def test_the_command_that_is_told_puts_it_right(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_gui_stale(checkout)
    before = tree(checkout)
    code, out, err = call(capsys, *STALE.split()[-2:])
    assert (code, out, err) == (0, f"written: {GUI}\nREADMEs that repeat the catalog as it is: 1\n", "")
    changed = before[GUI].replace(b"- **Name**: Desktop GUI, available\n", b"- **Name**: Desktop, available\n")
    assert tree(checkout) == {**before, GUI: changed}
    assert call(capsys)[0] == 0


def test_only_the_parts_that_are_named_are_looked_at(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_gui_stale(checkout)
    assert call(capsys, "js")[0] == 0
    assert call(capsys, "gui") == (1, "", STALE)
    assert call(capsys, "js-gui", "addon-gui") == (1, "", STALE), "a combination's parts, each once"
    code, out, err = call(capsys, "guy")
    assert (code, out) == (5, "")
    assert err.startswith("part 'guy': the catalog has none of that name; did you mean 'gui'?")


def test_what_is_found_as_data(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_gui_stale(checkout)
    row = {"part": "addon-gui", "file": GUI, "state": "stale", "problem": STALE.rstrip()}
    code, out, err = call(capsys, "gui", "--format", "json")
    assert (code, json.loads(out), err) == (1, {"ok": False, "readmes": [row], "written": []}, STALE)
    code, out, err = call(capsys, "gui", "--write", "--format", "json")
    assert (code, json.loads(out), err) == (0, {"ok": True, "readmes": [row], "written": [GUI]}, "")


def test_a_missing_block_is_told_and_put_in(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    current = (checkout / JS).read_text()
    without = current[: current.index(BEGIN)] + current[current.index(END) + len(END) + 2 :]
    (checkout / JS).write_text(without)
    problem = f"{JS}: has no block made from the catalog; run codeopen part readme js --write\n"
    assert call(capsys) == (1, "", problem)
    assert call(capsys, "--write")[0] == 0
    assert (checkout / JS).read_text() == current


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "isn't there; write a title and a sentence"),
        (b"# js\n\n\xff\n", "isn't UTF-8 text; save it as that"),
        (b"# js\n", "doesn't begin with a title and a sentence; write them, with an empty line between"),
        (f"# js\n\nA.\n\n{BEGIN}\n".encode(), "the marks of its block don't pair; keep one line"),
    ],
)
def test_what_a_person_has_to_put_right_is_told_and_nothing_is_written(
    checkout: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, said: str
) -> None:
    make_gui_stale(checkout)
    (checkout / JS).unlink()
    if content is not None:
        (checkout / JS).write_bytes(content)
    before = tree(checkout)
    code, out, err = call(capsys)
    (line,) = [line for line in err.splitlines() if line.startswith(f"{JS}: ")]
    assert line.startswith(f"{JS}: {said}")
    assert line.endswith(", then run codeopen part readme js --write")
    assert (code, out, err) == (1, "", f"{line}\n{STALE}")
    assert call(capsys, "--write") == (4, "", f"{line}\n")
    assert tree(checkout) == before


def test_a_planned_part_may_do_without(checkout: Path) -> None:
    edit(
        checkout / "catalog/addons.yaml",
        "description: Android SDK, Flutter\n    status: available",
        "description: Android SDK, Flutter\n    status: planned",
    )
    mobile = PartId(PartKind.ADDON, "mobile")
    catalog = read_catalog(checkout / "catalog")
    assert [readme.state for readme in read_readmes(catalog, checkout, [mobile])] == [ReadmeState.STALE]
    (checkout / "dockerfiles/addons/mobile/README.md").unlink()
    assert read_readmes(catalog, checkout, [mobile]) == ()


def test_a_readme_is_replaced_whole_from_outside_its_build_context(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_gui_stale(checkout)
    (checkout / GUI).chmod(0o640)
    seen = []

    def replace_file(file: Path, content: bytes, part: Path) -> None:
        replacing.replace_file(file, content, part)
        seen.append((file, part))

    monkeypatch.setattr("codeopen.authoring.new_part.readmes.replace_file", replace_file)
    write_readmes(read_readmes(read_catalog(checkout / "catalog"), checkout), checkout)
    assert seen == [(checkout / GUI, checkout / "dockerfiles/addons/gui.part")]
    assert not seen[0][1].exists()
    assert (checkout / GUI).stat().st_mode & 0o777 == 0o640


def test_a_disk_that_is_full_leaves_the_readme_as_it_was(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_gui_stale(checkout)
    before = tree(checkout)
    write = Path.write_bytes

    def write_half(file: Path, content: bytes) -> int:
        write(file, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_half)
    with pytest.raises(OSError, match="No space left"):
        write_readmes(read_readmes(read_catalog(checkout / "catalog"), checkout), checkout)
    assert tree(checkout) == before


def test_writing_changes_no_build_context(checkout: Path) -> None:
    make_gui_stale(checkout)
    folder = checkout / "dockerfiles/addons/gui"
    (folder / "Dockerfile").write_text("FROM base\n")
    before = read_context(folder)
    assert write_readmes(read_readmes(read_catalog(checkout / "catalog"), checkout), checkout) == (GUI,)
    assert read_context(folder) == before


@pytest.mark.parametrize("port", [None, 9000])
def test_a_new_addon_s_readme_is_current(checkout: Path, port: int | None) -> None:
    write_part(draft_addon(read_catalog(checkout / "catalog"), "pdf", "PDF Tools", port), Path("catalog"), checkout)
    catalog = read_catalog(checkout / "catalog")
    assert [readme.state for readme in read_readmes(catalog, checkout)] == [ReadmeState.CURRENT] * 17
    text = (checkout / "dockerfiles/addons/pdf/README.md").read_text()
    assert text.startswith(f"# pdf\n\nPDF Tools, for any flavor.\n\n{BEGIN}\n\n- **Name**: PDF Tools, available\n")
    assert f"\n\n{END}\n\n- **" in text
    assert max(map(len, text.splitlines())) <= 120


def test_an_addon_whose_readme_cannot_be_made_is_not_added(checkout: Path) -> None:
    before = tree(checkout)
    new = draft_addon(read_catalog(checkout / "catalog"), "pdf")
    untitled = replace(new, files={**new.files, "README.md": "No title.\n"})
    with pytest.raises(ReadmeError, match="doesn't begin with a title"):
        write_part(untitled, Path("catalog"), checkout)
    assert tree(checkout) == before
