"""Exact amounts of CPU and memory, in the notation that Kubernetes uses for them.

Both are integers inside (thousandths of a core, bytes), so sums never round.
Source: Kubernetes API conventions, "Quantities"; the specification's resource tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Self

from codeopen.errors import QuantityError

_BINARY_UNITS: Final = (("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10))
_CPU: Final = re.compile(r"(?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,3})?|(?:0|[1-9][0-9]{0,8})m", re.ASCII)
_MEMORY: Final = re.compile(r"(0|[1-9][0-9]{0,11})(Ti|Gi|Mi|Ki)", re.ASCII)
_LARGEST_MEMORY: Final = 1 << 50


@dataclass(frozen=True, slots=True, order=True)
class Cpu:
    """An amount of CPU time, in thousandths of a core."""

    millicores: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2``, ``1.5`` or ``1500m``. Raises QuantityError."""
        if _CPU.fullmatch(text) is None:
            raise QuantityError(f"{text!r} is not a CPU quantity: write cores as 2 or 1.5, or thousandths as 1500m")
        if text.endswith("m"):
            return cls(int(text[:-1]))
        return cls(int(Decimal(text) * 1000))

    def __add__(self, other: Self) -> Self:
        return type(self)(self.millicores + other.millicores)

    def __str__(self) -> str:
        """The canonical form: whole cores as ``2``, anything else in thousandths as ``1500m``."""
        cores, rest = divmod(self.millicores, 1000)
        return f"{self.millicores}m" if rest else str(cores)


@dataclass(frozen=True, slots=True, order=True)
class Memory:
    """An amount of memory, in bytes."""

    bytes: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``512Mi``, ``2Gi`` or ``0`` (binary units, no fractions, at most 1,024 Ti). Raises QuantityError."""
        if text == "0":
            return cls(0)
        match = _MEMORY.fullmatch(text)
        if match is None:
            raise QuantityError(
                f"{text!r} is not a memory quantity: write a whole number and Ki, Mi, Gi or Ti, as 512Mi"
            )
        amount = int(match[1]) * dict(_BINARY_UNITS)[match[2]]
        if amount > _LARGEST_MEMORY:
            raise QuantityError(f"{text!r} is more memory than any machine has: write at most 1024Ti")
        return cls(amount)

    def __add__(self, other: Self) -> Self:
        return type(self)(self.bytes + other.bytes)

    def __str__(self) -> str:
        """The canonical form: the largest binary unit that gives a whole number, as ``8Gi`` or ``4608Mi``."""
        if self.bytes == 0:
            return "0"
        for unit, size in _BINARY_UNITS:
            if self.bytes % size == 0:
                return f"{self.bytes // size}{unit}"
        return str(self.bytes)
