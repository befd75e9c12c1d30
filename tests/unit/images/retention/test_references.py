"""Lists of images to keep, as people and stacks write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codeopen.images.retention.references import Reference, parse_reference, read_references
from codeopen.images.retention.stored import RetentionError

DIGEST = f"sha256:{'a' * 64}"
JS = "codeopen/codeopen-js"


@pytest.mark.parametrize(
    ("text", "repository", "tag", "digest"),
    [
        (f"localhost:5000/{JS}@{DIGEST}", JS, "", DIGEST),
        (f"localhost/{JS}:0.0.2", JS, "0.0.2", ""),
        (f"ghcr.io/{JS}:0.0.2@{DIGEST}", JS, "0.0.2", DIGEST),
        (f"{JS}:0.0.3-dev", JS, "0.0.3-dev", ""),
        (f"[::1]:5000/{JS}@{DIGEST}", JS, "", DIGEST),
    ],
)
def test_a_reference_names_an_image_in_whatever_registry(text: str, repository: str, tag: str, digest: str) -> None:
    assert parse_reference(text, "x") == Reference(repository, tag, digest, "x")


@pytest.mark.parametrize("text", ["", JS, "a b", f"{JS}@sha256:12", f"{JS}:", "https://ghcr.io/a/b:1", f"{JS}:ü"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(RetentionError, match="does not name an image"):
        parse_reference(text, "x")


@pytest.mark.parametrize(
    ("content", "whys"),
    [
        (f"# all\n\n{JS}:1  # one\n  {JS}@{DIGEST}\n", ["project", "project"]),
        (json.dumps([f"{JS}:1"]), ["project"]),
        (json.dumps({"demo": f"{JS}:1", "sleeping": f"{JS}@{DIGEST}"}), ["project demo", "project sleeping"]),
        (json.dumps({"projects": {"demo": {"image": f"localhost:5000/{JS}:1"}}, "images": {}}), ["project demo"]),
        (json.dumps({"projects": {"gone": {"image": f"{JS}:1", "reference": "", "state": "removed"}}}), []),
        ("", []),
        ("{}", []),
    ],
)
def test_each_form_of_a_list_is_read(tmp_path: Path, content: str, whys: list[str]) -> None:
    (tmp_path / "list").write_text(content)
    assert [reference.why for reference in read_references(tmp_path / "list", "project")] == whys


def test_the_digest_that_runs_comes_before_the_tag(tmp_path: Path) -> None:
    project = {"image": f"{JS}:1", "reference": f"{JS}@{DIGEST}"}
    (tmp_path / "list").write_text(json.dumps({"projects": {"demo": project}}))
    assert read_references(tmp_path / "list", "project") == (Reference(JS, "", DIGEST, "project demo"),)


@pytest.mark.parametrize("content", ["[1]", '{"projects": []}', '{"demo": {}}', "{", "not an image", '["a b"]'])
def test_a_list_that_can_not_be_read_stops_it(tmp_path: Path, content: str) -> None:
    (tmp_path / "list").write_text(content)
    with pytest.raises(RetentionError, match=f"^{tmp_path}/list: "):
        read_references(tmp_path / "list", "project")


def test_a_list_that_is_not_there_stops_it(tmp_path: Path) -> None:
    with pytest.raises(RetentionError, match="it can't be read"):
        read_references(tmp_path / "none", "project")
