"""What verifying an image comes to: one result for each check, as data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from codeopen.errors import CodeOpenError

Subject = TypeVar("Subject")
_SHOWN_PROBLEMS: Final = 12


@dataclass(frozen=True, slots=True)
class Result:
    """One check of an image. ``part`` says whose check it is: a part's id, or the name of a set of rules."""

    part: str
    name: str
    passed: bool
    seconds: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Rule(Generic[Subject]):
    """Something that holds for every image: ``find`` tells what breaks it, one text a problem."""

    name: str
    find: Callable[[Subject], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Verification:
    """All results of an image, and what was left out with the reason."""

    results: tuple[Result, ...]
    left_out: Mapping[str, str]

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if not result.passed)


def apply_rule(part: str, rule: Rule[Subject], subject: Subject) -> Result:
    """Apply one rule. What keeps it from being applied is a failure of it, with that as its detail."""
    start = time.monotonic()
    try:
        problems = tuple(rule.find(subject))
    except CodeOpenError as error:
        problems = (str(error),)
    return Result(part, rule.name, not problems, time.monotonic() - start, render_problems(problems))


def render_problems(problems: Iterable[str]) -> str:
    """Problems as one text, a line each; the last line counts those that are not shown."""
    found = tuple(problems)
    more = [f"and {len(found) - _SHOWN_PROBLEMS} more"] if len(found) > _SHOWN_PROBLEMS else []
    return "\n".join([*found[:_SHOWN_PROBLEMS], *more])
