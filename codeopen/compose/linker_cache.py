"""``ld.so.cache``: the dynamic linker's index of shared libraries, read and written without running ``ldconfig``.

Only the new format is written, which glibc 2.32 and later make by default. Source: glibc's ``sysdeps/generic/
dl-cache.h`` and ``elf/cache.c``: a header, entries in the linker's order, the strings, and optional extensions.
"""

from __future__ import annotations

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
    if extensions and _has_capability_names(content, extensions):
        raise ComposeError(f"{PATH}: it has libraries for special processors (glibc-hwcaps), which can't be merged")
    try:
        found = (_ENTRY.unpack_from(content, _HEADER.size + index * _ENTRY.size) for index in range(count))
        return tuple(
            Library(_string(content, key), _string(content, value), flags, capabilities)
            for flags, key, value, _, capabilities in found
        )
    except (struct.error, ValueError) as error:
        raise ComposeError(f"{PATH}: it is damaged ({error}); build the part again") from error


def merge_linker_caches(base: bytes, parts: Sequence[bytes]) -> bytes:
    """The cache that ``ldconfig`` would make of all these libraries: the union, in the linker's order."""
    libraries = dict.fromkeys(library for content in (base, *parts) for library in read_linker_cache(content))
    return write_linker_cache(libraries)


def write_linker_cache(libraries: Iterable[Library]) -> bytes:
    """A cache of these libraries. Each text is stored once."""
    ordered = sorted(libraries, key=cmp_to_key(_compare), reverse=True)
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


def _string(content: bytes, offset: int) -> str:
    return content[offset : content.index(b"\0", offset)].decode("utf-8", "surrogateescape")


def _has_capability_names(content: bytes, offset: int) -> bool:
    magic, count = _EXTENSIONS.unpack_from(content, offset)
    if magic != _EXTENSION_MAGIC:
        raise ComposeError(f"{PATH}: its extensions are damaged; build the part again")
    tags = (struct.unpack_from("<I", content, offset + _EXTENSIONS.size + index * 16)[0] for index in range(count))
    return any(tag != _GENERATOR for tag in tags)


def _compare(one: Library, other: Library) -> int:
    """As glibc sorts: by name with numbers in it compared as numbers, then flags, then capabilities, then path."""
    order = _compare_names(one.name, other.name)
    if order:
        return order
    left, right = (one.flags, one.capabilities), (other.flags, other.capabilities)
    if left != right:
        return 1 if left > right else -1
    return (one.path < other.path) - (one.path > other.path)


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
