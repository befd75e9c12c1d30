"""A new part as texts: its entry in the catalog and the files of its Dockerfile's folder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from codeopen.errors import ScaffoldError
from codeopen.model.plan.parts import PartId, PartKind

# The catalog's schema says the same; here it is told before anything is written.
_ID: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_LONGEST_ID: Final = 40


@dataclass(frozen=True, slots=True)
class NewPart:
    """What is to be added: ``entry`` at the end of ``catalog_file``, and ``files`` by name in ``directory``."""

    part: PartId
    entry: str
    files: Mapping[str, str]

    @property
    def catalog_file(self) -> str:
        """The name of the catalog's file, ``addons.yaml`` or ``flavors.yaml``."""
        return "addons.yaml" if self.part.kind is PartKind.ADDON else "flavors.yaml"

    @property
    def directory(self) -> str:
        """The part's folder, relative to the checkout."""
        return f"dockerfiles/{self.catalog_file.removesuffix('.yaml')}/{self.part.id}"


def described(part: PartId) -> str:
    """``add-on 'gui'`` or ``flavor 'js'``, for messages."""
    return f"{'add-on' if part.kind is PartKind.ADDON else 'flavor'} {part.id!r}"


def check_id(part: PartId, taken: Mapping[str, object]) -> None:
    """Raise ScaffoldError for an id that can't be had, or that is taken."""
    if _ID.fullmatch(part.id) is None or len(part.id) > _LONGEST_ID:
        raise ScaffoldError(
            f"{described(part)}: is no id; write lower-case letters and digits, with hyphens between words, "
            "e.g. pdf-tools"
        )
    if part.id in taken:
        raise ScaffoldError(f"{described(part)}: the catalog has it already; choose another id")


def title_of(part: PartId) -> str:
    """The name that people see, made from the id."""
    return part.id.replace("-", " ").title()


def quoted(text: str) -> str:
    """A YAML scalar: plain where that is safe, else in double quotes, which JSON's are."""
    return text if re.fullmatch(r"[A-Za-z][A-Za-z0-9 ./+-]*[A-Za-z0-9]", text) else json.dumps(text, ensure_ascii=False)


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put values in the place of ``@name@``: shells, Python and YAML use the usual marks themselves."""
    return re.sub(r"@(\w+)@", lambda match: values[match[1]], template)
