from __future__ import annotations

import random
from pathlib import Path

import pytest

from codeopen.compose.linker_cache import Library, merge_linker_caches, read_linker_cache, write_linker_cache
from codeopen.errors import ComposeError

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
    assert read_linker_cache(write_linker_cache(reversed(libraries))) == libraries


def test_merging_holds_each_library_once() -> None:
    one, other = write_linker_cache(ORDERED[:6]), write_linker_cache(ORDERED[4:])
    assert merge_linker_caches(b"", [one, other]) == write_linker_cache(ORDERED)
    assert merge_linker_caches(one, [one]) == one


@pytest.mark.parametrize(
    "content", [b"ld.so-1.7.0 old format", b"glibc-ld.so.cache1.1", write_linker_cache(ORDERED)[:90]]
)
def test_other_formats_and_damage_are_refused(content: bytes) -> None:
    with pytest.raises(ComposeError, match=r"etc/ld\.so\.cache"):
        read_linker_cache(content)
