"""Every lock file of this repository is complete for every platform; each check finds what it is for."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from codeopen.authoring.upstreams.locks import LOCK_FILES, check_lock, go_modules, lock_kind, looks_like_lock

ROOT = Path(__file__).parents[4]
TRACKED = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split(
    "\0"
)[:-1]
LOCKS = [path for path in TRACKED if looks_like_lock(path)]
ASKING = {asking: lock for lock, (_, asking) in LOCK_FILES.items() if asking}


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def asked(path: str) -> str:
    beside = Path(path).with_name(LOCK_FILES[Path(path).name][1] or "none")
    return read(str(beside)) if (ROOT / beside).is_file() else ""


@pytest.mark.parametrize("path", LOCKS)
def test_a_lock_file_is_complete(path: str) -> None:
    assert [str(problem) for problem in check_lock(path, read(path), asked(path))] == []


def test_every_ecosystem_has_lock_files_here() -> None:
    assert {lock_kind(path) for path in LOCKS} == {kind for kind, _ in LOCK_FILES.values()}


@pytest.mark.parametrize("path", [path for path in TRACKED if Path(path).name in ASKING])
def test_what_asks_for_packages_has_a_lock_file(path: str) -> None:
    lock = Path(path).with_name(ASKING[Path(path).name])
    name = Path(path).name
    if name == "go.mod":
        asks = any(go_modules(read(path)))
    else:
        asks = name != "package.json" or re.search(r'"(dev|optional)?[dD]ependencies"', read(path)) is not None
    assert not asks or str(lock) in TRACKED


HASH = f"sha512-{'A' * 86}=="
ARM = "node_modules/tool-linux-arm64"


def npm_lock() -> dict[str, Any]:
    platforms = {
        f"node_modules/tool-{system}-{cpu}": {
            "version": "1.0.0",
            "integrity": HASH,
            "cpu": [cpu],
            "optional": True,
            "os": [system],
        }
        for system, cpu in (("linux", "x64"), ("linux", "arm64"), ("darwin", "arm64"))
    }
    names = {key.removeprefix("node_modules/"): "1.0.0" for key in platforms}
    tool = {"version": "1.0.0", "integrity": HASH, "optionalDependencies": names, "dependencies": {"left": "^1.0.0"}}
    left = {"version": "1.2.0", "integrity": HASH}
    packages = {"": {"dependencies": {"tool": "1.0.0"}}, "node_modules/left": left, "node_modules/tool": tool}
    return {"lockfileVersion": 3, "packages": {**packages, **platforms}}


def npm_problems(lock: dict[str, Any]) -> list[str]:
    text = json.dumps(lock, indent=2)
    return [str(problem) for problem in check_lock("x/package-lock.json", text, '{"dependencies": {"tool": "1.0.0"}}')]


def test_a_whole_lock_file_of_npm_passes() -> None:
    assert npm_problems(npm_lock()) == []


@pytest.mark.parametrize("system", ["linux-arm64", "darwin-arm64", "linux-x64"])
def test_npm_s_optional_package_of_any_platform_must_be_there(system: str) -> None:
    lock = npm_lock()
    del lock["packages"][f"node_modules/tool-{system}"]
    (problem,) = npm_problems(lock)
    assert problem.startswith("x/package-lock.json:")
    assert f"node_modules/tool: names the optional package tool-{system}@1.0.0, and the lock" in problem
    assert problem.endswith("make it anew with `codeopen upstream update x`")


@pytest.mark.parametrize(
    ("key", "change", "says"),
    [
        (ARM, {"integrity": None}, "has no integrity hash, and images of a platform install it"),
        (ARM, {"integrity": None, "libc": ["glibc"]}, "has no integrity hash"),
        (ARM, {"integrity": None, "os": ["!win32"]}, "has no integrity hash"),
        (ARM, {"integrity": "sha1-AAAA"}, "is no SHA-512"),
        (ARM, {"resolved": "https://registry.example/tool.tgz"}, "names the registry it came from"),
        (ARM, {"version": "1.0.1"}, "names tool-linux-arm64@1.0.0, and the lock file holds 1.0.1"),
        ("node_modules/left", {"integrity": None}, "has no integrity hash"),
        ("", {"dependencies": {"tool": "1.0.1"}}, "are others than those of package.json"),
    ],
)
def test_what_is_wrong_with_an_entry_of_npm_is_found(key: str, change: dict[str, Any], says: str) -> None:
    lock = npm_lock()
    entry = {**lock["packages"][key], **change}
    lock["packages"][key] = {name: value for name, value in entry.items() if value is not None}
    assert any(says in problem for problem in npm_problems(lock))


@pytest.mark.parametrize("change", [{"os": ["darwin"]}, {"libc": ["musl"]}, {"cpu": ["s390x"]}, {"os": ["!linux"]}])
def test_npm_s_package_that_no_image_installs_may_lack_its_hash(change: dict[str, Any]) -> None:
    lock = npm_lock()
    entry = {**lock["packages"][ARM], **change}
    del entry["integrity"]
    lock["packages"][ARM] = entry
    assert npm_problems(lock) == []


SHA = "0" * 64
H1 = f"h1:{'A' * 43}="


@pytest.mark.parametrize(
    ("path", "text", "beside", "says"),
    [
        ("requirements.lock", "flask==3.0\n", "flask", "flask==3.0: has no hash"),
        ("requirements.lock", f"flask>=3.0 \\\n    --hash=sha256:{SHA}\n", "", "is not pinned to one version"),
        ("requirements.lock", "flask==3.0 \\\n    --hash=md5:00\n", "", "md5:00 is no SHA-256"),
        ("requirements.lock", f"flask==3.0 --hash=sha256:{SHA}\n", "Click==8", "click: is asked for"),
        ("go.sum", f"m.example/a v1.0.0 {H1}\n", "require m.example/a v1.0.0", "lacks the h1 of its go.mod"),
        ("go.sum", f"m.example/a v1.0.0/go.mod {H1}\n", "require (\n\tm.example/a v1.0.0\n)", "h1 of its module"),
        ("go.sum", "m.example/a v1.0.0 sha1:x\n", "", "has no h1 hash"),
        (
            "go.sum",
            "",
            "require m.example/a v1.0.0\nreplace m.example/a => m.example/b v2.0.0\n",
            "m.example/b@v2.0.0: is in go.mod",
        ),
        (
            "Cargo.lock",
            '[[package]]\nname = "a"\nversion = "1.0.0"\nsource = "registry+x"\n',
            "",
            "a@1.0.0: has no checksum",
        ),
        ("Cargo.lock", '[[package]]\nname = "a"\nversion = "1.0.0"\ndependencies = ["b"]\n', "", "a@1.0.0: needs b"),
        (
            "Cargo.lock",
            '[[package]]\nname = "a"\nversion = "1.0.0"\n',
            '[dependencies]\nc = "1"',
            "c: is asked for",
        ),
        ("repository.lock", "0  ./a.jar\n", "", "is not a SHA-256"),
        ("repository.lock", f"{SHA}  ./g/a/1/b-1.jar\n", "", "does not lie as group"),
        ("repository.lock", f"{SHA}  ./a.pom\n{SHA}  ./a.pom\n", "", "is listed twice, before in line 1"),
        ("yarn.lock", "", "", "nothing knows this kind of lock file"),
    ],
)
def test_each_check_finds_what_is_missing(path: str, text: str, beside: str, says: str) -> None:
    assert any(says in str(problem) for problem in check_lock(path, text, beside))


@pytest.mark.parametrize(
    "path", ["a/uv.lock", "pnpm-lock.yaml", "bun.lockb", "SHA256SUMS", "gradle.lockfile", "x.sha256", "checksums.txt"]
)
def test_a_lock_file_of_a_new_kind_is_not_overlooked(path: str) -> None:
    assert looks_like_lock(path)
    assert lock_kind(path) is None
