from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeopen.errors import ContextError
from codeopen.model.plan.context import ContextFile, read_context, read_contexts
from codeopen.model.plan.parts import BASE, list_parts
from tests.unit.catalogs import make_catalog
from tests.unit.trees import umask, write_tree

TREE = {"Dockerfile": "FROM scratch\n", "b.txt": "b", "a/c.sh": "c", "a-b": "", "ğ/ü.txt": "ü"}


def test_files_are_listed_by_path_with_digest_and_size(tmp_path: Path) -> None:
    context = read_context(write_tree(tmp_path, TREE))
    assert [file.path for file in context.files] == ["a-b", "a/c.sh", "b.txt", "ğ/ü.txt"]
    assert context.files[2] == ContextFile(
        "b.txt", f"sha256:{hashlib.sha256(b'b').hexdigest()}", 1, executable=False, link=None
    )
    assert context.dockerfile.size == len(TREE["Dockerfile"])


_names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8).filter(
    lambda name: name not in {".", "..", "Dockerfile", ".dockerignore", "Dockerfile.dockerignore"}
)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(_names, st.binary(max_size=20), max_size=6), st.randoms(use_true_random=False))
def test_the_same_bytes_give_the_same_context(files: dict[str, bytes], random: object) -> None:
    tree = {"Dockerfile": b"FROM scratch\n", **{f"d/{name}": content for name, content in files.items()}}
    shuffled = list(tree.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis draws a random.Random
    with tempfile.TemporaryDirectory() as folder:
        with umask(0o022):
            one = read_context(write_tree(Path(folder, "one"), tree))
        with umask(0o077):
            other = write_tree(Path(folder, "other/deeper"), dict(shuffled))
        os.utime(other / "Dockerfile", (0, 0))
        assert read_context(other) == one


def test_the_locale_does_not_matter(tmp_path: Path) -> None:
    write_tree(tmp_path, TREE)
    program = "import sys; from pathlib import Path; from codeopen.model.plan.context import read_context; "
    program += "print(ascii(read_context(Path(sys.argv[1]))))"
    told = {
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            env={"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TZ": "Pacific/Kiritimati"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for locale in ("C", "C.UTF-8")
    }
    assert told == {ascii(read_context(tmp_path)) + "\n"}


def test_only_the_owner_s_execute_bit_counts(tmp_path: Path) -> None:
    write_tree(tmp_path, TREE)
    plain = read_context(tmp_path)
    (tmp_path / "a/c.sh").chmod(0o611)
    (tmp_path / "Dockerfile").chmod(0o777)
    assert read_context(tmp_path) == plain
    (tmp_path / "a/c.sh").chmod(0o700)
    changed = read_context(tmp_path)
    assert [file.path for file in changed.files if file.executable] == ["a/c.sh"]


def test_readme_and_ignore_file_are_never_in_the_context(tmp_path: Path) -> None:
    tree = {
        "Dockerfile": "",
        "README.md": "read me",
        ".dockerignore": "!README.md\n*.log\n",
        "x.log": "",
        "a/README.md": "",
    }
    assert [file.path for file in read_context(write_tree(tmp_path, tree)).files] == ["a/README.md"]


def test_an_ignored_folder_is_not_looked_into(tmp_path: Path) -> None:
    write_tree(tmp_path, {"Dockerfile": "", ".dockerignore": "node_modules\n", "node_modules/x": ""})
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/node_modules/\xff")).touch()  # refused if it were seen
    assert read_context(tmp_path).files == ()


def test_files_of_an_ignored_folder_can_be_taken_back(tmp_path: Path) -> None:
    write_tree(tmp_path, {"Dockerfile": "", ".dockerignore": "d\n!d/keep\n", "d/keep": "", "d/drop": ""})
    assert [file.path for file in read_context(tmp_path).files] == ["d/keep"]


def test_links_are_kept_as_links(tmp_path: Path) -> None:
    write_tree(tmp_path, {"Dockerfile": "", "d/file": ""})
    (tmp_path / "d/up").symlink_to("../d/file")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "folder").symlink_to("d")
    links = {file.path: file.link for file in read_context(tmp_path).files}
    assert links == {"d/file": None, "d/up": "../d/file", "dangling": "nothing", "folder": "d"}


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../outside", "d/../../outside", "here/../outside", "..", "../context/d/file"]
)
def test_a_link_that_leaves_the_context_is_refused(tmp_path: Path, target: str) -> None:
    root = write_tree(tmp_path / "context", {"Dockerfile": "", "d/file": ""})
    (root / "here").symlink_to(".")  # so that here/.. is outside, though its text stays inside
    (root / "link").symlink_to(target)
    with pytest.raises(ContextError, match=r"link: links to .*outside of the build context; copy"):
        read_context(root)


def test_what_is_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(tmp_path, {"Dockerfile": ""})
    monkeypatch.chdir(tmp_path)  # the address of a socket is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(ContextError, match="socket: is neither a file, a folder nor a link"):
            read_context(tmp_path)


def test_names_that_are_not_utf_8_are_refused(tmp_path: Path) -> None:
    write_tree(tmp_path, {"Dockerfile": ""})
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")).touch()
    with pytest.raises(ContextError, match="name is not UTF-8; rename it"):
        read_context(tmp_path)


def test_a_usable_dockerfile_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ContextError, match="Dockerfile: is not a regular file"):
        read_context(tmp_path / "missing")
    write_tree(tmp_path, {"real": ""})
    (tmp_path / "Dockerfile").symlink_to("real")
    with pytest.raises(ContextError, match="Dockerfile: is not a regular file"):
        read_context(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("Dockerfile.dockerignore", b"", "rename it to .dockerignore"),
        (".dockerignore", b"\xff", "not UTF-8"),
        (".dockerignore", b"ok\n[ab]\n", r"\.dockerignore:2: '\[ab\]' uses"),
    ],
)
def test_an_ignore_file_that_docker_would_read_otherwise_is_refused(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    write_tree(tmp_path, {"Dockerfile": "", name: content})
    with pytest.raises(ContextError, match=says):
        read_context(tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    write_tree(tmp_path, {"Dockerfile": "", ".dockerignore/folder": ""})
    with pytest.raises(ContextError, match=r"\.dockerignore: can't be read \(Is a directory\)"):
        read_context(tmp_path)


def test_parts_without_a_dockerfile_have_no_context(tmp_path: Path) -> None:
    write_tree(tmp_path, {"dockerfiles/base/Dockerfile": "", "dockerfiles/flavors/js/notes": ""})
    assert set(read_contexts(tmp_path, list_parts(make_catalog()))) == {BASE}
