"""Kubernetes quantities as numbers."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

from provider.protocol.values import Value

SUFFIXES: Final = {
    **{name: Decimal(1024) ** power for power, name in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
    **{name: Decimal(1000) ** power for power, name in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    "m": Decimal("1e-3"),
    "u": Decimal("1e-6"),
    "n": Decimal("1e-9"),
    "": Decimal(1),
}


def number(value: Value) -> Decimal | None:
    """A quantity such as 1500m, 2Gi or 1e3 as a number."""
    text = str(value)
    digits = text.rstrip("KMGTPEkmuni")
    for number, suffix in ((digits, text[len(digits) :]), (text, "")):
        try:
            if suffix in SUFFIXES:
                return Decimal(number) * SUFFIXES[suffix]
        except InvalidOperation:
            continue
    return None
