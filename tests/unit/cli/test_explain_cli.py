"""``codeopen plan explain`` against real git revisions."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codeopen.cli.main import main
from tests.unit.trees import write_tree

CHECKOUT = Path(__file__).parents[3]
FROM_BASE = "FROM base\n"
TREE = {
    "VERSION": "0.0.2\n",
    "README.md": "# Read me\n",
    "stacks/Pulumi.dev.yaml": "config: {}\n",
    "dockerfiles/base/Dockerfile": "FROM ubuntu\n",
    "dockerfiles/base/entrypoint.sh": "#!/bin/sh\n",
    "dockerfiles/flavors/js/Dockerfile": FROM_BASE,
    "dockerfiles/addons/databases/Dockerfile": FROM_BASE,
}

MOBILE = "Android SDK, Flutter\n    status: available"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git checkout with one commit, tagged ``first``."""
    root = write_tree(tmp_path / "checkout", TREE)
    shutil.copytree(CHECKOUT / "catalog", root / "catalog")
    monkeypatch.chdir(root)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    git("init", "--quiet")
    commit()
    git("tag", "first")
    return root


def digits(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def git(*words: str) -> None:
    names = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    subprocess.run(["git", *names, *words], check=True, capture_output=True)


def commit() -> None:
    git("add", "--all")
    git("commit", "--quiet", "--message", "A change")


def explain(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(("plan", "explain", *words))
    told = capsys.readouterr()
    return code, told.out, told.err


def changes(capsys: pytest.CaptureFixture[str], part: str, since: str = "first", *words: str) -> list[str]:
    code, out, err = explain(capsys, part, "--since", since, "--format", "json", *words)
    assert (code, err) == (0, "")
    return [change["text"] for row in json.loads(out)["parts"] for change in row["changes"]]


def test_what_a_digest_is_made_of(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert here
    (here / "dockerfiles/flavors/js/run").write_text("x")
    (here / "dockerfiles/flavors/js/run").chmod(0o755)
    (here / "dockerfiles/flavors/js/link").symlink_to("run")
    code, out, err = explain(capsys, "js")
    assert (code, err) == (0, "")
    lines = {" ".join(line.split()) for line in out.splitlines()}
    assert {
        "part js",
        "platform linux/amd64",
        f"Dockerfile dockerfiles/flavors/js/Dockerfile {digits(FROM_BASE)[:12]}",
        "file dockerfiles/flavors/js/link link to run",
        f"file dockerfiles/flavors/js/run {digits('x')[:12]} executable",
        "upstream yarn 1.22.22 yarn",
        "build argument CODEOPEN_PART 'js'",
    } <= lines
    parts = {row["part"]: row for name in ("js", "base") for row in rows(capsys, name)}
    assert parts["js"]["inputs"]["parent"] == {"part": "base", "plan_digest": parts["base"]["plan_digest"]}
    assert out.startswith(f"js on linux/amd64: {parts['js']['plan_digest']}\n")
    assert parts["base"]["inputs"]["parent"] is None
    assert {row["id"] for row in parts["base"]["inputs"]["upstreams"]} >= {"ubuntu", "opencode"}
    assert [row["path"] for row in parts["base"]["inputs"]["files"]] == ["dockerfiles/base/entrypoint.sh"]


def rows(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    return list(json.loads(explain(capsys, *words, "--format", "json")[1])["parts"])


def test_it_explains_the_digests_that_plan_parts_prints(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert here
    main(("plan", "parts", "--format", "json"))
    planned = {row["part"]: row["digests"] for row in json.loads(capsys.readouterr().out)["parts"]}
    for part in ("base", "js", "addon-databases"):
        (row,) = rows(capsys, part)
        assert row["plan_digest"] == planned[part]["linux/amd64"]


def test_a_part_that_cannot_be_built(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    addons = here / "catalog/addons.yaml"
    text = addons.read_text()
    assert text.count(MOBILE) == 1
    addons.write_text(text.replace(MOBILE, MOBILE.replace("available", "planned")))
    assert explain(capsys, "gui")[1] == "addon-gui on linux/amd64: has no plan digest (no-dockerfile)\n"
    assert explain(capsys, "gui", "--since", "first")[1].endswith(
        "nothing changed: it had and has no plan digest (no-dockerfile)\n"
    )
    (row,) = rows(capsys, "mobile")
    assert (row["state"], row["plan_digest"], row["inputs"]) == ("planned", None, None)


def test_nothing_changed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "README.md").write_text("other")
    (here / "dockerfiles/base/README.md").write_text("other")
    code, out, _ = explain(capsys, "js", "--since", "first")
    assert code == 0
    assert out.startswith("js on linux/amd64, since first (")
    assert out.endswith("): nothing changed: the digest is the same\n")


@pytest.mark.parametrize("committed", [False, True])
def test_one_byte_of_a_dockerfile_names_that_file(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    committed: bool,  # noqa: FBT001  a parameter of the table above
) -> None:
    (here / "dockerfiles/addons/databases/Dockerfile").write_text("FROM basf\n")
    if committed:
        commit()
    old, new = digits(FROM_BASE)[:8], digits("FROM basf\n")[:8]
    expected = [f"dockerfiles/addons/databases/Dockerfile changed ({old}… → {new}…)"]
    assert changes(capsys, "databases") == expected
    assert changes(capsys, "js-db") == expected
    assert changes(capsys, "js") == changes(capsys, "base") == []
    assert changes(capsys, "databases", "HEAD") == ([] if committed else expected)
    text = explain(capsys, "databases", "--since", "first")[1]
    assert text.endswith(f"\n  {expected[0]}\n")


def test_a_change_of_the_base_is_the_root_cause(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "dockerfiles/base/entrypoint.sh").chmod(0o755)
    because = "parent base: its plan changed, because dockerfiles/base/entrypoint.sh became executable"
    assert changes(capsys, "js") == [because]
    assert changes(capsys, "codeopen-js-db") == [because, because]
    code, out, _ = explain(capsys, "js", "--since", "first", "--format", "json")
    (change,) = json.loads(out)["parts"][0]["changes"]
    assert (code, change["kind"], change["causes"][0]["kind"]) == (0, "parent", "file")


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def test_changes_of_the_catalog(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(here / "catalog/upstreams.yaml", "version: 1.22.22", "version: 1.22.23")
    edit(here / "catalog/base.yaml", "path: /global/health", "path: /health")
    assert changes(capsys, "js") == [
        "catalog upstream yarn: 1.22.22 → 1.22.23",
        (
            "parent base: its plan changed, because build argument CODEOPEN_HEALTH changed "
            "(port checks in catalog/base.yaml: opencode-server)"
        ),
    ]


def test_the_order_of_layers_of_a_combination(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    addons = here / "catalog/addons.yaml"
    for old, new in (("layer_order: 3", "layer_order: 99"), ("layer_order: 4", "layer_order: 3")):
        edit(addons, f"{old}\n", f"{new}\n")
    edit(addons, "layer_order: 99", "layer_order: 4")
    told = explain(capsys, "js-cloud-db", "--since", "first")[1]
    assert "codeopen-js-cloud-db: order of the add-ons' layers: databases, cloud → cloud, databases" in told
    assert json.loads(explain(capsys, "js-cloud-db", "--since", "first", "--format", "json")[1])["order"]


def test_files_keep_their_modes_under_any_mask_of_git(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "dockerfiles/base/entrypoint.sh").chmod(0o755)
    commit()
    for mask in ("0777", "0000", "user"):
        git("config", "tar.umask", mask)
        assert changes(capsys, "base", "HEAD") == []


def test_a_checkout_in_a_folder_of_a_larger_repository(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    shutil.rmtree(here / ".git")
    shutil.move(here, outer / "part")
    shutil.move(outer / "part/catalog", outer / "part/data")
    monkeypatch.chdir(outer)
    git("init", "--quiet")
    commit()
    (outer / "part/dockerfiles/flavors/js/Dockerfile").write_text("")
    assert len(changes(capsys, "js", "HEAD", "--catalog", "part/data")) == 1
    monkeypatch.chdir(outer / "part/data")
    assert len(changes(capsys, "js", "HEAD", "--catalog", ".")) == 1


def test_a_part_that_is_new(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (here / "catalog/addons.yaml").read_text()
    start = text.index("\n  cloud:")
    block = text[start : text.index("\n  mobile:")]
    changed = block.replace("cloud:", "clouds:", 1).replace("image_suffix: cloud", "image_suffix: clouds")
    changed = changed.replace("sort_order: 5", "sort_order: 50").replace("layer_order: 4", "layer_order: 50")
    (here / "catalog/addons.yaml").write_text(text.replace(block, block + changed))
    assert changes(capsys, "clouds") == ["part addon-clouds is new in the catalog"]
    write_tree(here, {"dockerfiles/flavors/go/Dockerfile": "FROM base\n"})
    assert changes(capsys, "go") == ["part go was no-dockerfile and is buildable on linux/amd64"]


def refused(capsys: pytest.CaptureFixture[str], *words: str, code: int) -> str:
    ended, out, err = explain(capsys, *words)
    assert (ended, out) == (code, "")
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize("since", ["nope", "", "first:catalog", "-x", "first^{tree}"])
def test_an_unknown_revision(here: Path, capsys: pytest.CaptureFixture[str], since: str) -> None:
    assert here
    assert f"revision {since!r}: git knows no such commit here" in refused(capsys, "js", f"--since={since}", code=5)


def test_a_folder_without_git(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(here / ".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert f"{here}: is not a git checkout" in refused(capsys, "js", "--since", "HEAD", code=4)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git is not on PATH" in refused(capsys, "js", "--since", "HEAD", code=4)
    assert explain(capsys, "js")[0] == 0, "git is needed only for --since"


def test_a_revision_without_a_catalog(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.move(here / "catalog", here / "elsewhere")
    commit()
    shutil.move(here / "elsewhere", here / "catalog")
    assert "revision 'HEAD': has no folder catalog" in refused(capsys, "js", "--since", "HEAD", code=5)


def test_a_revision_with_a_broken_catalog_or_context(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(here / "catalog/base.yaml", "path: /global/health", "paht: /global/health")
    commit()
    git("tag", "broken")
    edit(here / "catalog/base.yaml", "paht: /global/health", "path: /global/health")
    (here / "dockerfiles/base/Dockerfile.dockerignore").write_text("")
    commit()
    (here / "dockerfiles/base/Dockerfile.dockerignore").unlink()
    err = refused(capsys, "js", "--since", "broken", code=4)
    assert err.startswith("revision 'broken': its catalog can't be used by this version; name a later one\n")
    assert "\nbroken:catalog/base.yaml:" in err
    assert "HEAD:dockerfiles/base/Dockerfile.dockerignore: is not supported" in refused(
        capsys, "js", "--since", "HEAD", code=4
    )


def test_a_revision_with_a_link_out_of_the_checkout(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = here / "dockerfiles/base/link"
    link.symlink_to("/etc/passwd")
    commit()
    link.unlink()
    assert "revision 'HEAD': " in refused(capsys, "js", "--since", "HEAD", code=4)


def test_an_unknown_part(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert here
    assert "did you mean 'databases'?" in refused(capsys, "databass", code=5)


MIRROR = {"format": 1, "upstreams": {"ubuntu": {"version": "stand-in", "digest": "sha256:1", "layout": "ubuntu"}}}


def test_a_stack_s_mirror_counts_where_it_is_asked_for(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack = here / "stacks/Pulumi.offline.yaml"
    stack.write_text("encryptionsalt: v1\nconfig:\n  codeopen:mirror: mirror\n")
    write_tree(here / "mirror", {"mirror.json": json.dumps(MIRROR)})
    own, mirrored = (explain(capsys, "base", *words)[1] for words in ((), ("--stack", "offline")))
    assert "24.04 docker.io/library/ubuntu:24.04" in own
    assert "stand-in mirror/ubuntu" in mirrored
    assert explain(capsys, "base", "--stack", "dev")[1] == own
    edit(here / "catalog/upstreams.yaml", 'version: "24.04"', 'version: "24.05"')
    edit(here / "catalog/upstreams.yaml", "ubuntu:24.04", "ubuntu:24.05")
    assert len(changes(capsys, "base")) == 1
    assert changes(capsys, "base", "first", "--stack", "offline") == [], "the stack doesn't use that pin"


def test_an_unusable_stack(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "stack 'deev': stacks/Pulumi.deev.yaml does not exist; did you mean 'dev'" in refused(
        capsys, "js", "--stack", "deev", code=5
    )
    for text in ("config: [", "[]", "config: 3", "{}", "config: {1: 2}"):
        (here / "stacks/Pulumi.dev.yaml").write_text(text)
        assert "is not a stack's configuration" in refused(capsys, "js", "--stack", "dev", code=4)


def test_it_starts_without_pulumi_and_leaves_nothing_behind(here: Path, tmp_path: Path) -> None:
    program = "import sys; from codeopen.cli.main import main; code = main(sys.argv[1:]); "
    program += "assert not [name for name in sys.modules if name.startswith('pulumi')]; sys.exit(code)"
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before = sorted(path for path in here.rglob("*") if ".git" not in path.parts)
    subprocess.run(
        [sys.executable, "-c", program, "plan", "explain", "js", "--since", "first"],
        env={**os.environ, "TMPDIR": str(temporary)},
        check=True,
        capture_output=True,
    )
    assert list(temporary.iterdir()) == []
    assert sorted(path for path in here.rglob("*") if ".git" not in path.parts) == before
