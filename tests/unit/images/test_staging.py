from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from codeopen.errors import ContextError
from codeopen.images.staging import stage_context, stage_text
from codeopen.model.plan.context import read_context
from tests.unit.trees import umask, write_tree

TREE = {
    "Dockerfile": "FROM x\n",
    "README.md": "",
    ".dockerignore": "*.log\n",
    "x.log": "",
    "a/b/run.sh": "run",
    "c": "c",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = write_tree(tmp_path / "source", TREE)
    (root / "a/b/run.sh").chmod(0o700)
    (root / "link").symlink_to("a/b")
    return root


def listing(root: Path) -> dict[str, tuple[str, str]]:
    """Mode and content (or target) of everything below a folder, and of the folder itself."""
    found = {}
    for path in [root, *root.rglob("*")]:
        mode = path.lstat().st_mode
        content = str(path.readlink()) if path.is_symlink() else path.read_text() if path.is_file() else ""
        found[path.relative_to(root).as_posix()] = (stat.filemode(mode), content)
    return found


STAGED = {
    ".": ("drwxr-xr-x", ""),
    "Dockerfile": ("-rw-r--r--", "FROM x\n"),
    "a": ("drwxr-xr-x", ""),
    "a/b": ("drwxr-xr-x", ""),
    "a/b/run.sh": ("-rwxr-xr-x", "run"),
    "c": ("-rw-r--r--", "c"),
    "link": ("lrwxrwxrwx", "a/b"),
}


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_the_copy_has_exactly_the_context_with_exact_modes(source: Path, tmp_path: Path, mask: int) -> None:
    with umask(mask):
        stage_context(read_context(source), source, tmp_path / "deep/staged")
    assert listing(tmp_path / "deep/staged") == STAGED
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["staged"], "no temporary file is left"


def test_the_staged_copy_is_the_same_context(source: Path, tmp_path: Path) -> None:
    stage_context(read_context(source), source, tmp_path / "staged")
    assert read_context(tmp_path / "staged") == read_context(source)


def test_only_what_differs_is_written(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "staged"
    stage_context(read_context(source), source, target)
    before = {path: path.lstat().st_ino for path in target.rglob("*")}
    (source / "c").write_text("C")
    stage_context(read_context(source), source, target)
    after = {path: path.lstat().st_ino for path in target.rglob("*")}
    assert {path.name for path in after if after[path] != before[path]} == {"c"}
    assert (target / "c").read_text() == "C"


def test_whatever_stands_in_the_way_is_put_right(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "staged"
    stage_context(read_context(source), source, target)
    write_tree(target, {"old/file": "", "a/old": ""})
    (target / "c").unlink()
    write_tree(target, {"c/in the way": ""})
    (target / "link").unlink()
    (target / "link").mkdir()
    (target / "a/b/run.sh").chmod(0o644)
    (target / "a").chmod(0o700)
    (target / "Dockerfile").unlink()
    (target / "Dockerfile").symlink_to("c")
    (target / "dangling").symlink_to("nothing")
    stage_context(read_context(source), source, target)
    assert listing(target) == STAGED


def test_a_file_or_link_in_place_of_a_folder_is_replaced(source: Path, tmp_path: Path) -> None:
    outside = write_tree(tmp_path / "outside", {"b/run.sh": "not ours"})
    target = tmp_path / "staged"
    target.mkdir()
    (target / "a").symlink_to(outside)
    stage_context(read_context(source), source, target)
    assert listing(target) == STAGED
    assert (outside / "b/run.sh").read_text() == "not ours"


def test_bytes_that_differ_at_the_same_size_are_seen(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "staged"
    stage_context(read_context(source), source, target)
    (target / "c").write_text("X")
    stage_context(read_context(source), source, target)
    assert (target / "c").read_text() == "c"


def test_a_source_that_changed_meanwhile_is_refused(source: Path, tmp_path: Path) -> None:
    context = read_context(source)
    (source / "c").write_text("changed")
    with pytest.raises(ContextError, match="c: changed while the plan was being made; run again"):
        stage_context(context, source, tmp_path / "staged")
    (source / "c").unlink()
    with pytest.raises(ContextError, match=r"c: can't be read any more \(No such file"):
        stage_context(context, source, tmp_path / "staged")
    missing = replace(context, files=())
    stage_context(missing, source, tmp_path / "staged")
    assert os.listdir(tmp_path / "staged") == ["Dockerfile"]  # noqa: PTH208  names only


@pytest.mark.parametrize("target", ["source", "source/inside", "."])
def test_source_and_target_must_not_overlap(source: Path, tmp_path: Path, target: str) -> None:
    with pytest.raises(ContextError, match="one lies in the other"):
        stage_context(read_context(source), source, tmp_path / target)
    assert (source / "README.md").exists()


def times(root: Path) -> dict[str, int]:
    return {path.relative_to(root).as_posix(): path.lstat().st_mtime_ns for path in [root, *root.rglob("*")]}


def test_times_are_the_same_from_any_checkout(source: Path, tmp_path: Path) -> None:
    """BuildKit keeps them in the layers that it copies files to."""
    stage_context(read_context(source), source, tmp_path / "one")
    for path in source.rglob("*"):
        os.utime(path, (1e9, 1e9), follow_symlinks=False)
    stage_context(read_context(source), source, tmp_path / "two")
    assert times(tmp_path / "one") == times(tmp_path / "two")
    seconds = {path: time // 10**9 for path, time in times(tmp_path / "one").items()}
    staged = {path: tmp_path / "one" / path for path in seconds}
    folders = {path for path, place in staged.items() if place.is_dir() and not place.is_symlink()}
    assert all(0 <= seconds[path] < 2**30 for path in seconds.keys() - folders)
    now_or_later = "BuildKit takes now or this for a folder, and the export makes both the same"
    assert {seconds[path] for path in folders} == {4102444800}, now_or_later


def test_times_are_put_right(source: Path, tmp_path: Path) -> None:
    stage_context(read_context(source), source, tmp_path / "staged")
    before = times(tmp_path / "staged")
    for path in [tmp_path / "staged", *(tmp_path / "staged").rglob("*")]:
        os.utime(path, (1e9, 1e9), follow_symlinks=False)
    stage_context(read_context(source), source, tmp_path / "staged")
    assert times(tmp_path / "staged") == before


def test_another_content_of_the_same_size_has_another_time(source: Path, tmp_path: Path) -> None:
    """BuildKit compares sizes and times only: with one time for all it builds with the bytes that it had before."""
    stage_context(read_context(source), source, tmp_path / "staged")
    before = times(tmp_path / "staged")
    (source / "c").write_text("C")
    (source / "link").unlink()
    (source / "link").symlink_to("a/c")
    stage_context(read_context(source), source, tmp_path / "staged")
    after = times(tmp_path / "staged")
    assert {path for path in after if after[path] != before[path]} == {"c", "link"}


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_a_text_is_staged_like_a_context(tmp_path: Path, mask: int) -> None:
    target = tmp_path / "deep/archive"
    with umask(mask):
        stage_text("snapshot", "20261101\n", target)
        first = times(target)
        write_tree(target, {"old/file": "", "snapshot.part": ""})
        os.utime(target / "snapshot")
        stage_text("snapshot", "20261101\n", target)
        assert times(target) == first
        stage_text("snapshot", "20261102\n", target)
    assert times(target)["snapshot"] != first["snapshot"]
    assert listing(target) == {".": ("drwxr-xr-x", ""), "snapshot": ("-rw-r--r--", "20261102\n")}
    assert [path.name for path in target.parent.iterdir()] == ["archive"], "no temporary file is left"
