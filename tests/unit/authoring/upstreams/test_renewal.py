"""Renewing with the real npm, uv, Go and Cargo, which ask registries that stand in on the loopback address.

Each works on a copy of what this checkout pins, with the catalog and the lock files as they are.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codeopen.authoring.new_part.replacing import replace_file
from codeopen.authoring.upstreams.inventory import tracked_files
from codeopen.authoring.upstreams.renewal import Renewal, State, renew
from codeopen.errors import NoSuchEntryError
from tests.unit.authoring.upstreams.stand_in import Pages, serving, write_cargo_registry, write_go_proxy

ROOT = Path(__file__).parents[4]
WITH_PINS = ("catalog/", "dockerfiles/", "tools/", "tests/images/database_servers/", "requirements.lock")
YARN: dict[str, dict[str, Any]] = {"1.22.22": {}, "1.22.23": {}, "2.0.0": {}, "1.23.0-rc.1": {}}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    for path in tracked_files(ROOT):
        if path.startswith(WITH_PINS):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, folder / path, follow_symlinks=False)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    return folder


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    with serving() as served:
        monkeypatch.setenv("npm_config_registry", served.address)
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
        monkeypatch.setenv("npm_config_fetch_retries", "0")
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{served.address}/simple")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
        yield served


def run(checkout: Path, *names: str, write: bool = True) -> Renewal:
    (renewal,) = renew(checkout, checkout / "catalog", names, write=write)
    return renewal


def changed(checkout: Path) -> set[str]:
    done = subprocess.run(["git", "diff", "--name-only"], cwd=checkout, check=True, capture_output=True, text=True)
    return set(done.stdout.splitlines())


def difference(checkout: Path, file: str) -> list[str]:
    words = ["git", "diff", "--unified=0", "--", file]
    done = subprocess.run(words, cwd=checkout, check=True, capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if line[:1] in "+-" and line[:3] not in {"+++", "---"}]


def test_an_npm_package_moves_within_its_constraint(checkout: Path, pages: Pages) -> None:
    pages.serve_npm("yarn", YARN)
    renewal = run(checkout, "yarn")
    assert (renewal.state, renewal.before, renewal.after) == (State.MOVED, "1.22.22", "1.22.23")
    lock, asked = (f"dockerfiles/flavors/js/tools/{name}" for name in ("package-lock.json", "package.json"))
    # The READMEs repeat the catalog.
    readmes = {f"dockerfiles/flavors/{flavor}/README.md" for flavor in ("js", "polyglot")}
    assert set(renewal.files) == changed(checkout) == {"catalog/upstreams.yaml", lock, asked, *readmes}
    assert difference(checkout, "catalog/upstreams.yaml") == ["-    version: 1.22.22", "+    version: 1.22.23"]
    assert difference(checkout, asked) == ['-    "yarn": "1.22.22"', '+    "yarn": "1.22.23"']
    moved = difference(checkout, lock)
    assert {line for line in moved if "1.22" in line and line[0] == "+"} == {
        '+        "yarn": "1.22.23"',
        '+      "version": "1.22.23",',
    }
    # Optional packages that this registry doesn't serve stay as they were.
    assert "@pnpm" not in "".join(moved)


def test_a_package_that_the_registry_lacks_leaves_everything_as_it_was(checkout: Path, pages: Pages) -> None:
    pages.serve_npm("yarn", YARN | {"1.22.24": {"optionalDependencies": {"yarn-linux-arm64": "1.22.24"}}})
    renewal = run(checkout, "yarn")
    assert (renewal.state, renewal.after, renewal.files) == (State.FAILED, "1.22.22", ())
    assert "names the optional package yarn-linux-arm64@1.22.24, and the lock file doesn't hold it" in renewal.reason
    assert changed(checkout) == set()


def test_one_that_fails_keeps_no_other_from_moving_and_leaves_nothing_in_it(checkout: Path, pages: Pages) -> None:
    pages.serve_npm("yarn", YARN | {"1.22.24": {"optionalDependencies": {"yarn-linux-arm64": "1.22.24"}}})
    pages.serve_pypi("supervisor", ["4.3.0", "4.4.0"])
    failed, moved = renew(checkout, checkout / "catalog", ["yarn", "supervisor"], write=True)
    assert (failed.state, moved.state) == (State.FAILED, State.MOVED)
    assert difference(checkout, "catalog/upstreams.yaml") == ["-    version: 4.3.0", "+    version: 4.4.0"]
    assert not any(file.startswith("dockerfiles/flavors/js/tools") for file in changed(checkout))


def test_check_says_what_would_move_and_changes_nothing(checkout: Path, pages: Pages) -> None:
    pages.serve_npm("yarn", YARN)
    pages.serve_pypi("supervisor", ["4.3.0"])
    yarn, supervisor = renew(checkout, checkout / "catalog", ["yarn", "supervisor"], write=False)
    assert (yarn.state, yarn.after) == (State.MOVED, "1.22.23")
    assert "catalog/upstreams.yaml" in yarn.files
    assert "dockerfiles/flavors/js/tools/package.json" not in supervisor.files
    assert changed(checkout) == set()


def test_what_can_t_be_written_is_put_back(checkout: Path, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    pages.serve_npm("yarn", YARN)
    count = 0

    def full(file: Path, content: bytes, part: Path) -> None:
        nonlocal count
        count += 1
        if count == 2:
            raise OSError(28, "No space left on device", str(file))
        replace_file(file, content, part)

    monkeypatch.setattr("codeopen.authoring.upstreams.checkout_copy.replace_file", full)
    renewal = run(checkout, "yarn")
    assert renewal.state is State.FAILED
    assert "can't be written (No space left on device)" in renewal.reason
    assert changed(checkout) == set()


def test_a_python_package_moves_within_its_constraint(checkout: Path, pages: Pages) -> None:
    pages.serve_pypi("supervisor", ["4.3.0", "4.4.0", "4.5.0rc1", "5.0.0"])
    renewal = run(checkout, "supervisor")
    assert (renewal.state, renewal.before, renewal.after) == (State.MOVED, "4.3.0", "4.4.0"), renewal.reason
    folder = "dockerfiles/base/supervisor"
    assert difference(checkout, f"{folder}/requirements.in") == ["-supervisor==4.3.0", "+supervisor==4.4.0"]
    digest = hashlib.sha256(pages.content["/supervisor-4.4.0-py3-none-any.whl"]).hexdigest()
    lock = (checkout / folder / "requirements.lock").read_text()
    assert lock == f"supervisor==4.4.0 \\\n    --hash=sha256:{digest}\n"


def test_a_module_moves_as_far_as_its_go_compiles_it(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "github.com/go-chi/chi/v5"
    versions = {"v5.2.5": "1.22", "v5.2.9": "1.22.3", "v5.3.0": "1.23", "v5.4.0-rc1": "1.22"}
    write_go_proxy(tmp_path / "proxy", module, versions, ["", "middleware"])
    # The stand-in's present version is not the one that go.sum knows.
    (checkout / "dockerfiles/flavors/go/starters/chi/go.sum").write_text("")
    for name, value in {"PROXY": f"file://{tmp_path}/proxy", "SUMDB": "off", "MODCACHE": str(tmp_path / "go")}.items():
        monkeypatch.setenv(f"GO{name}", value)
    try:
        renewal = run(checkout, "dockerfiles/flavors/go/starters/chi")
    finally:  # Go makes its cache read-only
        subprocess.run(["go", "clean", "-modcache"], check=True)
    assert renewal.state is State.MOVED, renewal.reason
    assert f"require {module} v5.2.9\n" in (checkout / "dockerfiles/flavors/go/starters/chi/go.mod").read_text()
    assert f"{module} v5.2.9 h1:" in (checkout / "dockerfiles/flavors/go/starters/chi/go.sum").read_text()


@pytest.mark.skipif(shutil.which("cargo") is None, reason="Cargo is not on this machine; set-up doesn't need it")
def test_a_crate_that_is_held_exactly_moves(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cargo_registry(tmp_path / "crates", tmp_path / "cargo", "cargo-watch", ["8.5.3", "8.5.4", "8.6.0-beta.1"])
    monkeypatch.setenv("CARGO_HOME", str(tmp_path / "cargo"))
    renewal = run(checkout, "cargo-watch")
    assert (renewal.state, renewal.after) == (State.MOVED, "8.5.4"), renewal.reason
    toml = difference(checkout, "dockerfiles/flavors/rust/tools/Cargo.toml")
    assert toml == ['-cargo-watch = "=8.5.3"', '+cargo-watch = "=8.5.4"']


def move_upstream(checkout: Path, name: str, **fields: Any) -> None:
    """Give an upstream of the copied catalog another reference, digest or page of releases."""
    file = checkout / "catalog/upstreams.yaml"
    before, _, rest = file.read_text().partition(f"\n  {name}:\n")
    entry, blank, after = rest.partition("\n\n")
    lines = [line for line in entry.splitlines() if line.split(":")[0].strip() not in {"url", *fields}]
    lines[-1:] += [f"    {key}: {json.dumps(value)}" for key, value in fields.items()]
    file.write_text(f"{before}\n  {name}:\n" + "\n".join(lines) + blank + after)


def test_an_image_moves_to_the_newest_tag_with_its_digest(checkout: Path, pages: Pages) -> None:
    host = pages.address.removeprefix("http://")
    tags = {tag: tag.encode() for tag in ("3.0.0", "3.1.0", "3.2.0-rc.1", "3.9.0-alpine", "4.0.0", "latest")}
    pages.serve_image("library/registry", tags)
    move_upstream(checkout, "registry", reference=f"{host}/library/registry:3.0.0")
    subprocess.run(["git", "add", "--all"], cwd=checkout, check=True)
    renewal = run(checkout, "registry")
    assert (renewal.state, renewal.after) == (State.MOVED, "3.1.0"), renewal.reason
    text = (checkout / "catalog/upstreams.yaml").read_text()
    assert f"{host}/library/registry:3.1.0" in text
    assert f"sha256:{hashlib.sha256(b'3.1.0').hexdigest()}" in text
    # Again: nothing moves; the tag gets other content: the digest alone moves.
    assert run(checkout, "registry").state is State.CURRENT
    pages.serve_image("library/registry", tags | {"3.1.0": b"rebuilt"})
    renewal = run(checkout, "registry")
    assert (renewal.state, renewal.before, renewal.after) == (State.MOVED, "3.1.0", "3.1.0")


def test_a_registry_that_does_not_answer_is_told_with_the_reason(checkout: Path) -> None:
    move_upstream(checkout, "registry", reference="127.0.0.1:9/library/registry:3.0.0")
    subprocess.run(["git", "add", "--all"], cwd=checkout, check=True)
    renewal = run(checkout, "registry")
    assert renewal.state is State.FAILED
    assert "127.0.0.1:9/library/registry:3.0.0: " in renewal.reason
    assert "no connection" in renewal.reason
    assert changed(checkout) == set()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("package-archive", "a snapshot is chosen, not found"),
        ("dockerfiles/addons/jvm/maven", "It is made from an image's stage"),
    ],
)
def test_what_a_person_renews_says_why(checkout: Path, name: str, reason: str) -> None:
    renewal = run(checkout, name)
    assert renewal.state is State.BY_HAND
    assert reason in renewal.reason


def test_an_unknown_name_is_refused_before_anything_is_asked(checkout: Path) -> None:
    with pytest.raises(NoSuchEntryError, match=r"'opencod': neither an upstream nor a lock file's folder; .*opencode"):
        run(checkout, "opencod")


def test_a_file_that_someone_changes_meanwhile_is_not_overwritten(checkout: Path, pages: Pages) -> None:
    pages.serve_npm("yarn", YARN)
    renewals = renew(checkout, checkout / "catalog", ["package-archive", "yarn"], write=True)
    next(renewals)
    (checkout / "catalog/upstreams.yaml").write_text((checkout / "catalog/upstreams.yaml").read_text() + "# mine\n")
    renewal = next(renewals)
    assert renewal.state is State.FAILED
    assert "catalog/upstreams.yaml: someone else has changed it meanwhile" in renewal.reason
    assert changed(checkout) == {"catalog/upstreams.yaml"}
