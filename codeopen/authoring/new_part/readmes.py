"""The READMEs of parts in a checkout: which of them repeat the catalog as it is, and those that don't rewritten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from codeopen.authoring.new_part.readme import BEGIN, put_block, render_block
from codeopen.authoring.new_part.replacing import replace_file
from codeopen.errors import ReadmeError
from codeopen.model.catalog.model import Catalog, Status
from codeopen.model.plan.parts import PartId, list_parts


class ReadmeState(StrEnum):
    """How a README stands to the catalog; programs may rely on these words."""

    CURRENT = "current"
    STALE = "stale"
    NO_BLOCK = "no-block"
    UNUSABLE = "unusable"  # a person has to put something right before its block can be written


@dataclass(frozen=True, slots=True)
class Readme:
    """The README of a part. ``file`` is relative to the checkout.

    ``problem`` says what is wrong with it and what to do, empty where nothing is; ``content`` is what it should be,
    empty where it is unusable.
    """

    part: PartId
    file: str
    state: ReadmeState
    problem: str
    content: str


def read_readmes(catalog: Catalog, checkout: Path, ids: Iterable[PartId] | None = None) -> tuple[Readme, ...]:
    """The READMEs of these parts, or of all, in catalog order. A planned part may do without one."""
    wanted = None if ids is None else set(ids)
    readmes = []
    for part in list_parts(catalog):
        file = f"{part.directory}/README.md"
        if wanted is not None and part.id not in wanted:
            continue
        if part.status is Status.PLANNED and not (checkout / file).exists():
            continue
        readmes.append(_read(checkout, part.id, file, render_block(catalog, part)))
    return tuple(readmes)


def write_readmes(readmes: Iterable[Readme], checkout: Path) -> tuple[str, ...]:
    """Rewrite those that aren't current, and say which. Raises ReadmeError before the first where one is unusable."""
    found = tuple(readmes)
    if unusable := [readme.problem for readme in found if readme.state is ReadmeState.UNUSABLE]:
        raise ReadmeError("\n".join(unusable))
    outdated = [readme for readme in found if readme.state is not ReadmeState.CURRENT]
    for readme in outdated:
        file = checkout / readme.file
        # Not beside it: that is the part's build context, and a plan that is made meanwhile would count the new file.
        replace_file(file, readme.content.encode(), file.parent.with_suffix(".part"))
    return tuple(readme.file for readme in outdated)


def _read(checkout: Path, part: PartId, file: str, block: str) -> Readme:
    command = f"run codeopen part readme {part} --write"
    try:
        text = (checkout / file).read_bytes().decode()
        content = put_block(text, block)
    except FileNotFoundError:
        problem = f"{file}: isn't there; write a title and a sentence, then {command}"
        return Readme(part, file, ReadmeState.UNUSABLE, problem, "")
    except UnicodeDecodeError:
        problem = f"{file}: isn't UTF-8 text; save it as that, then {command}"
        return Readme(part, file, ReadmeState.UNUSABLE, problem, "")
    except ReadmeError as error:
        return Readme(part, file, ReadmeState.UNUSABLE, f"{file}: {error}, then {command}", "")
    if content == text:
        return Readme(part, file, ReadmeState.CURRENT, "", content)
    if BEGIN in text:
        problem = f"{file}: repeats the catalog as it was; {command}"
        return Readme(part, file, ReadmeState.STALE, problem, content)
    return Readme(part, file, ReadmeState.NO_BLOCK, f"{file}: has no block made from the catalog; {command}", content)
