"""The order of released versions, and what a constraint lets through. Pre-releases are never taken."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_RELEASE: Final = re.compile(r"v?(\d+(?:\.\d+)*)(?:\.post(\d+))?")


def allows(constraint: str, version: str) -> bool:
    """Whether a version is within a constraint: ``22.x`` takes all of 22, ``1.9.8`` only itself, empty all."""
    if not constraint:
        return True
    if not constraint.endswith(".x"):
        return version.removeprefix("v") == constraint.removeprefix("v")
    wanted = constraint.removeprefix("v").removesuffix(".x").split(".")
    return version.removeprefix("v").split(".")[: len(wanted)] == wanted


def upper_bound(constraint: str) -> str:
    """The version that a constraint as ``1.22.x`` ends before, here ``1.23``; empty where it ends nowhere."""
    if not constraint.endswith(".x"):
        return ""
    *head, last = constraint.removeprefix("v").removesuffix(".x").split(".")
    return ".".join([*head, str(int(last) + 1)])


def order(version: str) -> tuple[tuple[int, ...], int] | None:
    """What released versions sort by; None for a pre-release or what is no version."""
    release = _RELEASE.fullmatch(version)
    if release is None:
        return None
    numbers = tuple(int(number) for number in release[1].split("."))
    return tuple(numbers[: _significant(numbers)]), int(release[2] or 0)


def newest(versions: Iterable[str], constraint: str, current: str) -> str:
    """The highest release within the constraint; ``current`` where none is higher."""
    best, best_order = current, order(current)
    for version in versions:
        ranked = order(version)
        if ranked is not None and allows(constraint, version) and (best_order is None or ranked > best_order):
            best, best_order = version, ranked
    return best


def _significant(numbers: tuple[int, ...]) -> int:
    """How many numbers are left without the zeros at the end: 1.0 and 1.0.0 are one version."""
    count = len(numbers)
    while count and numbers[count - 1] == 0:
        count -= 1
    return count
