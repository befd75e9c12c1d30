"""``ld.so.cache``: the dynamic linker's index of shared libraries, read and written without running ``ldconfig``.

Only the new format is written, which glibc 2.32 and later make by default. Source: glibc's ``sysdeps/generic/
dl-cache.h`` and ``elf/cache.c``: a header, entries in the linker's order, the strings, and optional extensions.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key, lru_cache
from typing import Final

from codeopen.errors import ComposeError

PATH: Final = "etc/ld.so.cache"
_MAGIC: Final = b"glibc-ld.so.cache1.1"
_HEADER: Final = struct.Struct("<20sIIB3xI12x")  # magic, entries, length of strings, flags, offset of extensions
_ENTRY: Final = struct.Struct("<iIIIQ")  # flags, key, value, kernel version (unused), hardware capabilities
_LITTLE_ENDIAN: Final = 2
_EXTENSION_MAGIC: Final = 0xEAA42174
_EXTENSIONS: Final = struct.Struct("<II")
_GENERATOR: Final = 0
_LEADING_ZEROS: Final = re.compile(r"(?<![0-9])0+(?=[0-9])")
# What the linker takes for the same when it searches: the name with its numbers as numbers, flags, capabilities.
_Key = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Library:
    """One entry: the name that programs ask for, where it lies, and for which kind of machine it is."""

    name: str
    path: str
    flags: int
    capabilities: int


# A part's cache is the same in all its combinations.
@lru_cache(maxsize=64)
def read_linker_cache(content: bytes) -> tuple[Library, ...]:
    """The libraries of a cache, in its order. Raises ComposeError for another format."""
    if not content:
        return ()
    if not content.startswith(_MAGIC) or len(content) < _HEADER.size:
        raise ComposeError(f"{PATH}: it is not in glibc's new format; build the part again")
    _, count, _, _, extensions = _HEADER.unpack_from(content)
    try:
        if extensions and _has_capability_names(content, extensions):
            raise ComposeError(f"{PATH}: it has libraries for special processors (glibc-hwcaps), which can't be merged")
        found = (_ENTRY.unpack_from(content, _HEADER.size + index * _ENTRY.size) for index in range(count))
        return tuple(
            Library(_string(content, key), _string(content, value), flags, capabilities)
            for flags, key, value, _, capabilities in found
        )
    except (struct.error, ValueError) as error:
        raise ComposeError(f"{PATH}: it is damaged ({error}); build the part again") from error


def merge_linker_caches(base: bytes, parts: Sequence[bytes]) -> bytes:
    """The cache that ``ldconfig`` would make of all these libraries: the union, in the linker's order.

    Of libraries with one name the first in the search path is loaded, and only the inputs' order says which that is.
    Raises ComposeError for a cache that can't be read, and where the inputs don't decide it, or contradict each other.
    """
    inputs = [_by_key(content) for content in (base, *parts)]
    keys = dict.fromkeys(key for each in inputs for key in each)
    return write_linker_cache(
        library for key in keys for library in _merge_orders([each[key] for each in inputs if key in each])
    )


def write_linker_cache(libraries: Iterable[Library]) -> bytes:
    """A cache of these libraries; those that the linker takes for the same stay in their order.

    Each text is stored once.
    """
    ordered = sorted(libraries, key=cmp_to_key(_compare), reverse=True)  # reverse keeps the order of equal ones
    start = _HEADER.size + len(ordered) * _ENTRY.size
    offsets: dict[str, int] = {}
    strings = bytearray()
    for text in (text for library in ordered for text in (library.name, library.path)):
        if text not in offsets:
            offsets[text] = start + len(strings)
            strings += text.encode("utf-8", "surrogateescape") + b"\0"
    entries = b"".join(
        _ENTRY.pack(library.flags, offsets[library.name], offsets[library.path], 0, library.capabilities)
        for library in ordered
    )
    return _HEADER.pack(_MAGIC, len(ordered), len(strings), _LITTLE_ENDIAN, 0) + entries + bytes(strings)


# A part's cache is the same in all its combinations.
@lru_cache(maxsize=64)
def _by_key(content: bytes) -> dict[_Key, tuple[Library, ...]]:
    found: dict[_Key, dict[Library, None]] = {}
    for library in read_linker_cache(content):
        key = (_LEADING_ZEROS.sub("", library.name), library.flags, library.capabilities)
        found.setdefault(key, {})[library] = None
    return {key: tuple(libraries) for key, libraries in found.items()}


def _merge_orders(orders: Sequence[tuple[Library, ...]]) -> tuple[Library, ...]:
    """The one order that holds all of these: ``a b`` and ``b c`` give ``a b c``. Raises ComposeError without one."""
    if len(set(orders)) == 1:
        return orders[0]
    left = [list(order) for order in orders]
    merged: list[Library] = []
    while left := [order for order in left if order]:
        behind = {library for order in left for library in order[1:]}
        first = list(dict.fromkeys(order[0] for order in left if order[0] not in behind))
        if len(first) != 1:
            paths = sorted({library.path for library in first} or {order[0].path for order in left})
            raise ComposeError(
                f"{PATH}: {left[0][0].name} is in {' and '.join(paths)}, and the caches don't say which comes first"
            )
        merged += first
        left = [order[1:] if order[0] == first[0] else order for order in left]
    return tuple(merged)


def _string(content: bytes, offset: int) -> str:
    return content[offset : content.index(b"\0", offset)].decode("utf-8", "surrogateescape")


def _has_capability_names(content: bytes, offset: int) -> bool:
    magic, count = _EXTENSIONS.unpack_from(content, offset)
    if magic != _EXTENSION_MAGIC:
        raise ComposeError(f"{PATH}: its extensions are damaged; build the part again")
    tags = (struct.unpack_from("<I", content, offset + _EXTENSIONS.size + index * 16)[0] for index in range(count))
    return any(tag != _GENERATOR for tag in tags)


def _compare(one: Library, other: Library) -> int:
    """As glibc sorts: by name with numbers in it compared as numbers, then flags, then capabilities.

    It leaves equal ones in the order in which it found them, which is that of the search path.
    """
    order = _compare_names(one.name, other.name)
    if order:
        return order
    left, right = (one.flags, one.capabilities), (other.flags, other.capabilities)
    return (left > right) - (left < right)


def _compare_names(one: str, other: str) -> int:
    """The linker's ``_dl_cache_libcmp``: it searches the cache by halves in this order."""
    left, right = one, other
    while left:
        if left[0].isdigit():
            if not right[:1].isdigit():
                return 1
            first, left = _number(left)
            second, right = _number(right)
            if first != second:
                return 1 if first > second else -1
        elif right[:1].isdigit():
            return -1
        elif left[0] != right[:1]:
            return 1 if left[0] > (right[:1] or "\0") else -1
        else:
            left, right = left[1:], right[1:]
    return -1 if right else 0


def _number(text: str) -> tuple[int, str]:
    digits = len(text) - len(text.lstrip("0123456789"))
    return int(text[:digits]), text[digits:]
