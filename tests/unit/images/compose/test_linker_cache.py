from __future__ import annotations

import random
from pathlib import Path

import pytest

from codeopen.errors import ComposeError
from codeopen.images.compose.linker_cache import Library, merge_linker_caches, read_linker_cache, write_linker_cache
from tests.unit.images.compose.layers import linker_cache, processor_cache

# In the order in which glibc's ldconfig wrote them.
ORDERED = tuple(
    Library(name, f"/usr/lib/{name}", 0x303, 0)
    for name in (
        "libzstd.so.1",
        "libz.so.1",
        "libxcb.so.1",
        "libxcb-xkb.so.1",
        "libtinfo.so.6",
        "libssl.so.3",
        "libpcre2-8.so.0",
        "libpcre2-posix.so.3",
        "libLLVM-18.so.1",
        "libLLVM-9.so.1",
        "ld-linux-x86-64.so.2",
    )
)


def test_libraries_come_back_in_the_linkers_order() -> None:
    shuffled = list(ORDERED)
    random.Random(1).shuffle(shuffled)  # noqa: S311  a test's order
    names = [library.name for library in read_linker_cache(write_linker_cache(shuffled))]
    assert names.index("libLLVM-18.so.1") < names.index("libLLVM-9.so.1"), "numbers count as numbers"
    assert names.index("libzstd.so.1") < names.index("libz.so.1")
    assert write_linker_cache(shuffled) == write_linker_cache(ORDERED), "whatever the order they came in"


def test_the_machines_own_cache_is_read_and_written_in_its_order() -> None:
    """glibc's ldconfig is the authority: what it wrote here must come out in the same order."""
    content = Path("/etc/ld.so.cache").read_bytes()
    libraries = read_linker_cache(content)
    assert len(libraries) > 10
    shuffled = sorted(libraries, key=lambda library: library.name.encode())
    assert read_linker_cache(write_linker_cache(shuffled)) == libraries


def test_merging_holds_each_library_once() -> None:
    one, other = write_linker_cache(ORDERED[:6]), write_linker_cache(ORDERED[4:])
    assert merge_linker_caches(b"", [one, other]) == write_linker_cache(ORDERED)
    assert merge_linker_caches(one, [one]) == one


def merged_paths(base: bytes, *parts: bytes) -> list[str]:
    return [library.path for library in read_linker_cache(merge_linker_caches(base, parts))]


def test_one_parts_libraries_of_one_name_stay_in_the_order_of_its_search_path() -> None:
    own = linker_cache("/usr/lib/libx.so.1", "/opt/a/libx.so.1", "/usr/local/lib/libx.so.1")
    paths = ["/usr/lib/libx.so.1", "/opt/a/libx.so.1", "/usr/local/lib/libx.so.1"]
    assert [library.path for library in read_linker_cache(own)] == paths
    assert merged_paths(b"", own) == paths
    assert merged_paths(b"", linker_cache("/usr/lib/liby.so.1"), own)[1:] == paths


@pytest.mark.parametrize(
    ("base", "one", "other", "merged"),
    [
        ("b", "ab", "bc", "abc"),
        ("b", "b", "cb", "cb"),
        ("", "zab", "zb", "zab"),
        ("", "za", "zab", "zab"),
        ("ba", "bca", "dba", "dbca"),
    ],
)
def test_the_inputs_orders_decide_whatever_the_names_are(base: str, one: str, other: str, merged: str) -> None:
    caches = [linker_cache(*(f"/{folder}/libx.so.1" for folder in folders)) for folders in (base, one, other)]
    expected = [f"/{folder}/libx.so.1" for folder in merged]
    assert merged_paths(*caches) == expected
    assert merged_paths(caches[0], caches[2], caches[1]) == expected


@pytest.mark.parametrize(
    ("base", "one", "other"),
    [("", "a", "b"), ("b", "ab", "cb"), ("b", "ba", "bc"), ("", "ab", "ba"), ("ab", "ba", "ab")],
)
def test_an_order_that_nothing_decides_is_refused_by_name(base: str, one: str, other: str) -> None:
    caches = [linker_cache(*(f"/{folder}/libx.so.1" for folder in folders)) for folders in (base, one, other)]
    with pytest.raises(ComposeError, match=r"libx\.so\.1 is in /[ab]/libx\.so\.1 and /[abc]/libx\.so\.1"):
        merge_linker_caches(caches[0], caches[1:])


def test_names_that_the_linker_takes_for_the_same_are_one() -> None:
    with pytest.raises(ComposeError, match="don't say which comes first"):
        merge_linker_caches(b"", [linker_cache("/a/libx.so.1"), linker_cache("/b/libx.so.01")])
    assert merged_paths(b"", linker_cache("/a/libx.so.1"), linker_cache("/b/libx.so.10")) == [
        "/b/libx.so.10",
        "/a/libx.so.1",
    ]


def test_libraries_of_another_machine_are_not_mixed_up_with_them() -> None:
    one, other = (Library("libx.so.1", f"/{flags}/libx.so.1", flags, 0) for flags in (0x303, 0x803))
    merged = merge_linker_caches(b"", [write_linker_cache([one]), write_linker_cache([other])])
    assert read_linker_cache(merged) == (other, one)


def test_libraries_for_special_processors_are_refused() -> None:
    with pytest.raises(ComposeError, match="glibc-hwcaps"):
        read_linker_cache(processor_cache())
    with pytest.raises(ComposeError, match="damaged"):
        read_linker_cache(processor_cache()[:-30])


@pytest.mark.parametrize(
    "content", [b"ld.so-1.7.0 old format", b"glibc-ld.so.cache1.1", write_linker_cache(ORDERED)[:90]]
)
def test_other_formats_and_damage_are_refused(content: bytes) -> None:
    with pytest.raises(ComposeError, match=r"etc/ld\.so\.cache"):
        read_linker_cache(content)
