"""What packages wait for, and what they set off, beside files that come and go: dpkg's explicit triggers.

Source: deb-triggers(5), and dpkg's ``doc/spec/triggers.txt``, "Details of triggers".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

_INFO: Final = "var/lib/dpkg/info/"
_SUFFIX: Final = ".triggers"
_NAMED: Final = "var/lib/dpkg/triggers/"
# Files of dpkg's own beside those that are called like a trigger.
_NO_NAMES: Final = frozenset(("File", "Lock", "Unincorp"))


@dataclass(frozen=True, slots=True, order=True)
class Trigger:
    """A trigger and a package that waits for it or sets it off."""

    name: str
    package: str

    def acts_on(self, activated: str) -> bool:
        """Whether a trigger of this name is set off; one that is a path is by all that is in it."""
        return activated == self.name or (self.name.startswith("/") and activated.startswith(f"{self.name}/"))


def is_trigger_file(path: str) -> bool:
    """Whether a file says which triggers there are."""
    if path.startswith(_INFO):
        return path.endswith(_SUFFIX)
    return path.startswith(_NAMED) and path.removeprefix(_NAMED) not in _NO_NAMES


def read_interests(files: Mapping[str, bytes]) -> frozenset[Trigger]:
    """The triggers that packages of an image wait for, from its files."""
    named = (
        Trigger(path.removeprefix(_NAMED), line.partition("/")[0].partition(":")[0])
        for path, content in files.items()
        if is_trigger_file(path) and path.startswith(_NAMED)
        for line in content.decode("utf-8", "surrogateescape").splitlines()
    )
    return frozenset((*named, *_read_info(files, "interest")))


def read_activations(files: Mapping[str, bytes]) -> frozenset[Trigger]:
    """The triggers that packages of an image set off when they are installed, from its files."""
    return frozenset(_read_info(files, "activate"))


def _read_info(files: Mapping[str, bytes], directive: str) -> Iterator[Trigger]:
    for path, content in files.items():
        if not path.startswith(_INFO) or not is_trigger_file(path):
            continue
        package = path.removeprefix(_INFO).removesuffix(_SUFFIX).partition(":")[0]
        for line in content.decode("utf-8", "surrogateescape").splitlines():
            words = line.partition("#")[0].split()
            # As interest, interest-await and interest-noawait.
            if len(words) == 2 and words[0].partition("-")[0] == directive:  # noqa: PLR2004  a directive and a name
                yield Trigger(words[1], package)
