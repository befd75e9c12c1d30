"""Versions in order, what a constraint lets through, and new versions written into the catalog's text."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from codeopen.authoring.upstreams.rewrite import replace_version, rewrite_checks, rewrite_upstream
from codeopen.authoring.upstreams.sources import file_digest, newest_file
from codeopen.authoring.upstreams.versions import allows, newest, upper_bound
from codeopen.errors import UpstreamError
from codeopen.model.catalog.source import Document, parse
from tests.unit.authoring.upstreams.stand_in import serving

ROOT = Path(__file__).parents[4]
OLD, NEW = f"sha256:{'3' * 64}", f"sha256:{'a' * 64}"
TEXT = f"""\
# Everything that comes from outside.
upstreams:
  ubuntu:
    version: "24.04"  # text
    reference: docker.io/library/ubuntu:24.04

  # What runs OpenCode.
  node:
    kind: image
    version: 22.3.3
    constraint: 22.x
    reference: docker.io/library/node:22.3.3-slim   # Debian 12
    digest: {OLD}
    substitute:
      version: 22.3.3
      note: Node 22.3.3 and npm 122.3.3, not 22.3.30 or 22.3.3.1
locks: {{}}
"""


def document(text: str = TEXT) -> Document:
    found, problems = parse("catalog/upstreams.yaml", text)
    assert found is not None
    assert problems == ()
    return found


@pytest.mark.parametrize(
    ("constraint", "version", "within"),
    [
        ("", "9.9", True),
        ("22.x", "22.0.1", True),
        ("22.x", "220.1", False),
        ("22.x", "v22.1", True),
        ("1.22.x", "1.22.12", True),
        ("1.22.x", "1.23.0", False),
        ("1.9.8", "1.9.8", True),
        ("1.9.8", "1.9.80", False),
        ("v1.9.8", "1.9.8", True),
    ],
)
def test_a_constraint(constraint: str, version: str, *, within: bool) -> None:
    assert allows(constraint, version) is within


@pytest.mark.parametrize(
    ("versions", "constraint", "current", "best"),
    [
        (["1.9.0", "1.10.0", "1.2.0"], "", "1.8.0", "1.10.0"),
        (["2.0.0-rc.1", "2.0.0b1", "1.9.1", "nightly"], "", "1.9.0", "1.9.1"),
        (["2.0.0", "1.9.1"], "1.x", "1.9.0", "1.9.1"),
        (["1.0.0"], "", "1.0", "1.0"),
        (["1.0.post1"], "", "1.0", "1.0.post1"),
        (["0.9"], "", "1.0", "1.0"),
        (["v1.2.0", "v1.1.0"], "", "v1.0.0", "v1.2.0"),
        ([], "", "1.0", "1.0"),
    ],
)
def test_the_newest_release(versions: list[str], constraint: str, current: str, best: str) -> None:
    assert newest(versions, constraint, current) == best


@pytest.mark.parametrize(("constraint", "bound"), [("22.x", "23"), ("1.22.x", "1.23"), ("1.9.8", ""), ("", "")])
def test_where_a_constraint_ends(constraint: str, bound: str) -> None:
    assert upper_bound(constraint) == bound


def test_a_version_moves_with_all_that_repeats_it_and_comments_stay() -> None:
    after = rewrite_upstream(document(), "node", "22.4.0", {OLD: NEW})
    assert [(old, new) for old, new in zip(TEXT.splitlines(), after.splitlines(), strict=True) if old != new] == [
        ("    version: 22.3.3", "    version: 22.4.0"),
        (
            "    reference: docker.io/library/node:22.3.3-slim   # Debian 12",
            "    reference: docker.io/library/node:22.4.0-slim   # Debian 12",
        ),
        (f"    digest: {OLD}", f"    digest: {NEW}"),
        ("      version: 22.3.3", "      version: 22.4.0"),
        (
            "      note: Node 22.3.3 and npm 122.3.3, not 22.3.30 or 22.3.3.1",
            "      note: Node 22.4.0 and npm 122.3.3, not 22.3.30 or 22.3.3.1",
        ),
    ]


@pytest.mark.parametrize(("name", "new"), [("ubuntu", "24.10"), ("node", "22.4"), ("node", "23")])
def test_a_version_stays_text(name: str, new: str) -> None:
    after = document(rewrite_upstream(document(), name, new, {}))
    assert after.value["upstreams"][name]["version"] == new


def test_a_version_inside_of_a_digest_is_no_version() -> None:
    digest = f"sha256:{'36' * 32}"
    assert replace_version(f"android:36@{digest}", "36", "37") == f"android:37@{digest}"


@pytest.mark.parametrize(
    ("output", "new", "after"),
    [
        (r"^v22\.", "22.4.0", r"^v22\."),
        (r"^ruff 0\.17\.6$", "0.18.1", r"^ruff 0\.18\.1$"),
        (r"(?m)^Gradle 8\.14$", "8.15.2", r"(?m)^Gradle 8\.15$"),
        ("^all$", "2.0", "^all$"),
    ],
)
def test_a_check_asks_for_the_new_version(output: str, new: str, after: str) -> None:
    text = f"checks:\n  - name: other\n    output: '{output}'\n  - name: tool  # ours\n    output: '{output}'\n"
    assert rewrite_checks(document(text), "tool", new) == text[: len(text) // 2] + text[len(text) // 2 :].replace(
        output, after
    )


def test_a_file_s_version_and_digest_come_from_its_publisher() -> None:
    releases = {"version": r'"version" : "(\d+(?:\.\d+)+)"'}
    with serving() as pages:
        pages.content["/all"] = b'[{"version" : "8.14.4"}, {"version" : "8.15"}, {"version" : "9.0"}]'
        pages.content["/gradle.zip"] = b"gradle"
        url = {"url": f"{pages.address}/all"}
        assert newest_file(releases | url, "8.x", "8.14.4") == "8.15"
        digest = hashlib.sha256(b"gradle").hexdigest()
        assert file_digest(f"{pages.address}/gradle.zip") == f"sha256:{digest}"
        with pytest.raises(UpstreamError, match=r"/none: the server answers 404"):
            file_digest(f"{pages.address}/none")
        with pytest.raises(UpstreamError, match=r"nothing in it matches '\(x\)'; correct releases\.version"):
            newest_file({"version": "(x)"} | url, "", "1.0")


def test_the_pages_of_releases_say_how_a_version_is_written() -> None:
    """Samples of what each publisher's page holds."""
    samples = {
        "gradle": '{ "version" : "8.14.4", "buildTime" : "x" }',
        "flutter": '"archive": "stable/linux/flutter_linux_3.47.5-stable.tar.xz"',
        "kasmvnc": '"tag_name": "v1.5.0"',
        "rust": '[pkg.rust]\nversion = "1.99.0 (abc 2026-01-01)"',
        "rust-src": '[pkg.rust]\nversion = "1.99.0 (abc 2026-01-01)"',
    }
    entries = document((ROOT / "catalog/upstreams.yaml").read_text()).value["upstreams"]
    assert {name for name, entry in entries.items() if entry["kind"] == "file"} == set(samples)
    with serving() as pages:
        for name, sample in samples.items():
            pages.content[f"/{name}"] = sample.encode()
            releases = {"url": f"{pages.address}/{name}", "version": entries[name]["releases"]["version"]}
            assert newest_file(releases, "", "0.0.1") == entries[name]["version"]
