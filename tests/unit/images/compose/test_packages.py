from __future__ import annotations

import pytest

from codeopen.errors import ComposeError
from codeopen.images.compose.packages import EXTENDED_STATES, STATUS, merge_packages, read_packages, write_packages
from tests.unit.images.compose.layers import status


def auto(*names: str) -> bytes:
    return "".join(f"Package: {name}\nArchitecture: amd64\nAuto-Installed: 1\n\n" for name in names).encode()


BASE = read_packages({STATUS: status("bash", "libc6"), EXTENDED_STATES: auto("libc6")})


def part(*packages: str, automatic: tuple[str, ...] = ()) -> dict[str, bytes]:
    return {STATUS: status("bash", "libc6", *packages), EXTENDED_STATES: auto("libc6", *automatic)}


def test_the_union_holds_each_package_once_in_dpkgs_order() -> None:
    parts = [read_packages(part(*names)).beyond(BASE) for names in (("zsh", "jq"), ("jq", "curl"))]
    text = write_packages(merge_packages(BASE, parts), "amd64")[STATUS].decode()
    names = [line.removeprefix("Package: ") for line in text.splitlines() if line.startswith("Package: ")]
    assert names == ["bash", "curl", "jq", "libc6", "zsh"]
    assert text.endswith("\n\n")


def test_a_dependency_that_another_part_asks_for_by_name_is_not_automatic() -> None:
    dependency = read_packages(part("jq", "libjq1", automatic=("libjq1",))).beyond(BASE)
    by_name = read_packages(part("libjq1")).beyond(BASE)
    assert merge_packages(BASE, [dependency]).automatic == {"libc6", "libjq1"}
    for parts in ([dependency, by_name], [by_name, dependency]):
        assert merge_packages(BASE, parts).automatic == {"libc6"}


def test_what_is_written_is_read_back_as_the_same() -> None:
    merged = merge_packages(BASE, [read_packages(part("jq", "libjq1", automatic=("libjq1",))).beyond(BASE)])
    assert read_packages(write_packages(merged, "amd64")) == merged


def test_beyond_the_base_is_what_a_part_adds() -> None:
    beyond = read_packages(part("jq")).beyond(BASE)
    assert list(beyond.stanzas) == ["jq:amd64"]
    assert beyond.automatic == frozenset()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({STATUS: b"Version: 1\n"}, "has no Package"),
        ({STATUS: b"Package bash\n"}, "neither a field nor continues one"),
        ({"var/lib/dpkg/diversions": b"/a\n/b\n"}, "not three for each diversion"),
    ],
)
def test_damaged_databases_are_refused(files: dict[str, bytes], message: str) -> None:
    with pytest.raises(ComposeError, match=message):
        read_packages(files)
