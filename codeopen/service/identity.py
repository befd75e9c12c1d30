"""Identifiers of rows: sortable by the time they were made, and too many to guess."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
_LENGTH: Final = 26
_RANDOM_BITS: Final = 80


def new_id(now: datetime) -> str:
    """26 characters: 48 bits of milliseconds since 1970, then 80 random bits (the layout of a ULID)."""
    number = int(now.timestamp() * 1000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LENGTH)))


def is_id(text: str) -> bool:
    """Whether a text could be one of these."""
    return len(text) == _LENGTH and set(text) <= set(_ALPHABET)


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)
