"""The labels that say where an image comes from and under which licences: inputs of its plan, as its content is.

Source: OCI Image Format Specification 1.1, "Pre-Defined Annotation Keys"; SPDX 3.0, "SPDX license expressions".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

SOURCE: Final = "org.opencontainers.image.source"
LICENSES: Final = "org.opencontainers.image.licenses"


def join_licenses(expressions: Iterable[str]) -> str:
    """One SPDX expression that holds for all of them together, each licence once, in alphabetical order.

    ``MIT OR Apache-2.0`` and ``MIT AND Zlib`` give ``(MIT OR Apache-2.0) AND MIT AND Zlib``.
    """
    return " AND ".join(sorted({term for expression in expressions for term in _terms(expression)}))


def joint_origin(labels: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The source and the licences of an image that is made of images with these labels."""
    found = tuple(labels)
    source = next((each[SOURCE] for each in found if each.get(SOURCE)), "")
    licenses = join_licenses(each[LICENSES] for each in found if each.get(LICENSES))
    return {name: value for name, value in ((LICENSES, licenses), (SOURCE, source)) if value}


def _terms(expression: str) -> list[str]:
    """What an expression joins with AND, outside of brackets; a choice comes in brackets."""
    terms: list[list[str]] = [[]]
    depth, choice = 0, False
    for word in expression.split():
        depth += word.count("(") - word.count(")")
        choice |= word == "OR" and depth == 0
        if word == "AND" and depth == 0:
            terms.append([])
        else:
            terms[-1].append(word)
    # AND binds tighter than OR: an expression with both is one choice.
    return [f"({' '.join(expression.split())})"] if choice else [" ".join(term) for term in terms]
