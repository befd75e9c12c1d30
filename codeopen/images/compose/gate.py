"""The gate: whether two parts can be composed, decided from their indexes, and if not, why.

Each rule is one small function from a pair to findings. Nothing is composed that has a finding. What the rules let
through is what the oracle's tests compare with a chained build.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Final

from codeopen.errors import ComposeError
from codeopen.images.compose.choices import find_choices
from codeopen.images.compose.config import config_conflicts
from codeopen.images.compose.debconf import DATABASES as DEBCONF
from codeopen.images.compose.debconf import merge_debconf
from codeopen.images.compose.entries import Entry, EntryKind, parents
from codeopen.images.compose.linker_cache import PATH as LINKER_CACHE
from codeopen.images.compose.linker_cache import merge_linker_caches
from codeopen.images.compose.links import real_path
from codeopen.images.compose.packages import DATABASES as PACKAGES
from codeopen.images.compose.part_index import PartIndex
from codeopen.images.compose.relations import find_exclusions
from codeopen.images.compose.triggers import Trigger

ACCOUNT_FILES: Final = frozenset({"etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/subuid", "etc/subgid"})
# Written by several parts, and put together in the seal.
SEALED: Final = frozenset((*PACKAGES, *DEBCONF, LINKER_CACHE))
STAT_OVERRIDES: Final = "var/lib/dpkg/statoverride"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Why a pair can't be composed: the rule, what it concerns (a path, a package, a key), and how, in words."""

    rule: str
    subject: str
    what: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two parts on the base that the first stands on; the second is an add-on, composed after the first."""

    base: PartIndex
    one: PartIndex
    other: PartIndex

    @property
    def both(self) -> tuple[tuple[PartIndex, PartIndex], ...]:
        """Each part with its counterpart."""
        return ((self.one, self.other), (self.other, self.one))


def judge(pair: Pair) -> tuple[Finding, ...]:
    """All findings of all rules, ordered; none when the pair can be composed."""
    return tuple(sorted(finding for rule in RULES for finding in rule(pair)))


def same_base(pair: Pair) -> Iterator[Finding]:
    """Deltas only fit onto the layers that they were made on."""
    base = [layer.diff_id for layer in pair.base.layers]
    for part, _ in pair.both:
        if [layer.diff_id for layer in part.layers[: part.base_layers]] != base:
            yield Finding("same-base", part.repository, "does not stand on the base's layers; build it again")


def no_deletions(pair: Pair) -> Iterator[Finding]:
    """What one part deletes from the base, the other may have relied on, or have put something there."""
    for part, _ in pair.both:
        for deletion in part.deletions:
            what = f"{part.repository} deletes {'all that is in ' if deletion.inside_only else ''}it"
            yield Finding("no-deletions", deletion.path or "/", f"{what}; leave it, or do so in the base")


def same_files(pair: Pair) -> Iterator[Finding]:
    """A path that both write is the same in both, or has a merge rule."""
    small, large = sorted((pair.one.entries, pair.other.entries), key=len)
    for path in small.keys() & large.keys():
        one, other = pair.one.entries[path], pair.other.entries[path]
        if one != other and path not in SEALED:
            yield Finding(
                "same-files", path, f"{pair.one.repository} and {pair.other.repository}: {_difference(one, other)}"
            )


def nothing_below_files(pair: Pair) -> Iterator[Finding]:
    """No file lies where the other part has something that is no folder, and none behind a symbolic link."""
    for part, counterpart in pair.both:
        kinds = (entry.kind for folder in part.folders if (entry := counterpart.entries.get(folder)))
        if all(kind is EntryKind.FOLDER for kind in kinds):
            continue
        for path, entry in part.entries.items():
            if entry.kind is EntryKind.FOLDER:
                continue
            for folder in parents(path):
                there = counterpart.entries.get(folder)
                if there and there.kind is not EntryKind.FOLDER:
                    what = (
                        f"{part.repository} has it below {folder}, which is a {there.kind} in {counterpart.repository}"
                    )
                    yield Finding("nothing-below-files", path, what)


def one_version(pair: Pair) -> Iterator[Finding]:
    """A package that both have is in one version and state."""
    origin = pair.base.packages
    one, other = (part.packages.beyond(origin).stanzas for part in (pair.one, pair.other))
    for key in sorted(one.keys() & other.keys()):
        if one[key] != other[key]:
            what = f"{_version(one[key])} in {pair.one.repository}, {_version(other[key])} in {pair.other.repository}"
            yield Finding("one-version", key, what)
    for part, stanzas in ((pair.one, one), (pair.other, other)):
        for key in sorted(stanzas.keys() & origin.stanzas.keys()):
            what = f"{part.repository} changes the base's {_version(origin.stanzas[key])} to {_version(stanzas[key])}"
            yield Finding("one-version", key, what)


def no_exclusions(pair: Pair) -> Iterator[Finding]:
    """No package of one part conflicts with, or breaks, one of the other's: apt would have taken one of them away."""
    origin = pair.base.packages
    for part, counterpart in pair.both:
        own, others = (each.packages.beyond(origin).stanzas for each in (part, counterpart))
        # What both have was installed together with all the rest of each.
        only_own, only_others = (
            [these[key] for key in these.keys() - those] for these, those in ((own, others), (others, own))
        )
        for found in find_exclusions(only_own, only_others):
            verb = "breaks" if found.field == "Breaks" else "conflicts with"
            what = f"it {verb} {found.relation}, which is {found.other} of {counterpart.repository}"
            yield Finding("no-exclusions", found.package, f"{part.repository} has it; {what}")


def same_choices(pair: Pair) -> Iterator[Finding]:
    """The second part has the packages that apt would have installed onto the first one.

    Only this way round: what the second has is not there yet where the first is installed.
    """
    origin = pair.base.packages
    one, other = (part.packages.beyond(origin) for part in (pair.one, pair.other))
    for found in sorted(find_choices(origin, one, other)):
        what = f"{pair.other.repository} has it for {found.dependent}, which needs {found.needed}"
        what = f"{what}; on {pair.one.repository} {found.met_by} would do, and apt would install it not at all or later"
        yield Finding("same-choices", found.package, f"{what}; name it where {found.dependent} is installed")


def no_triggers(pair: Pair) -> Iterator[Finding]:
    """No package of one part waits for files that the other brings: it would have run something about them."""
    origin, links = pair.base.packages, pair.base.links
    for part, counterpart in pair.both:
        for line in part.packages.beyond(origin).triggers:
            waited, _, package = line.partition(" ")
            place = real_path(waited, links, follow_last=True)
            if place not in counterpart.folders and place not in counterpart.entries:
                continue
            for path in counterpart.entries:
                inside = path == place or path.startswith(f"{place}/")
                known = part.entries.get(path) == counterpart.entries[path]
                if inside and not known and counterpart.entries[path].kind is not EntryKind.FOLDER:
                    what = f"{counterpart.repository} has it, and {package} of {part.repository} acts on {waited}"
                    yield Finding("no-triggers", path, what)


def no_explicit_triggers(pair: Pair) -> Iterator[Finding]:
    """No package of one part waits for a trigger that one of the other sets off.

    One of the base that waits, as libc's for ``ldconfig``, has run in the build of each part that sets it off: what it
    made there is compared or merged as any file is.
    """
    links = pair.base.links

    def real(triggers: Iterable[Trigger]) -> set[Trigger]:
        return {replace(each, name=_real_name(each.name, links)) for each in triggers}

    for part, counterpart in pair.both:
        waiting = real(part.interests - pair.base.interests)
        if not waiting:
            continue
        # What both have did its work in both.
        fired = real(counterpart.activations - pair.base.activations - part.activations)
        for trigger, activation in product(waiting, fired):
            if trigger.acts_on(activation.name):
                what = f"{activation.package} of {counterpart.repository} sets it off"
                what = f"{what}, and {trigger.package} of {part.repository} acts on it"
                yield Finding("no-explicit-triggers", activation.name, what)


def no_diversions(pair: Pair) -> Iterator[Finding]:
    """No part moves aside, or sets the mode of, a file that the other brings."""
    origin, links = pair.base.packages, pair.base.links
    for part, counterpart in pair.both:
        for source, target, package in part.packages.beyond(origin).diversions:
            for name in (source, target):
                path = real_path(name, links)
                if path in counterpart.entries and part.entries.get(path) != counterpart.entries[path]:
                    what = f"{package} of {part.repository} diverts {name}, and {counterpart.repository} has it"
                    yield Finding("no-diversions", path, what)
        if STAT_OVERRIDES in part.entries:
            yield Finding("no-diversions", STAT_OVERRIDES, f"{part.repository} changes it; set modes in the base")


def accounts_of_the_base(pair: Pair) -> Iterator[Finding]:
    """Users and groups are the base's, with fixed ids: a part that changes them drops the other's."""
    for part, _ in pair.both:
        for path in sorted(ACCOUNT_FILES & part.entries.keys()):
            what = f"{part.repository} changes it; give the account a fixed id in accounts of catalog/base.yaml"
            yield Finding("accounts-of-the-base", path, what)


def files_of_known_owners(pair: Pair) -> Iterator[Finding]:
    """Nothing goes through a symbolic link of the base, as a file below ``/lib`` would where that is a link."""
    links = pair.base.links.keys()
    for part, _ in pair.both:
        for path in sorted(links & part.entries.keys()):
            if part.entries[path].kind is not EntryKind.SYMLINK:
                what = f"{part.repository} has a {part.entries[path].kind} in the place of the link"
                yield Finding("no-replaced-links", path, what)
        if links.isdisjoint(part.folders):
            continue
        for path in part.entries:
            for folder in parents(path):
                if folder in links:
                    what = f"{part.repository} has it below {folder}, which is a symbolic link in the base"
                    yield Finding("no-replaced-links", path, what)


def configurations_agree(pair: Pair) -> Iterator[Finding]:
    """Variables don't clash, and how a container starts is the base's."""
    parts = {part.repository: part.config for part, _ in pair.both}
    for problem in config_conflicts(pair.base.config, parts):
        yield Finding("configurations-agree", "config", problem)


def databases_merge(pair: Pair) -> Iterator[Finding]:
    """The merge rules for debconf's answers and for the linker's cache give one result, as the seal needs them."""
    rules: dict[str, Callable[[bytes, Sequence[bytes]], bytes]] = {
        name: partial(merge_debconf, name) for name in DEBCONF
    }
    rules[LINKER_CACHE] = merge_linker_caches
    for name, merge in rules.items():
        if name not in pair.one.entries or name not in pair.other.entries:
            continue
        contents = [part.files.get(name, b"") for part in (pair.one, pair.other)]
        try:
            merge(pair.base.files.get(name, b""), contents)
        except ComposeError as error:
            yield Finding("databases-merge", name, str(error))


Rule = Callable[[Pair], Iterator[Finding]]
RULES: Final[Sequence[Rule]] = (
    same_base,
    no_deletions,
    same_files,
    nothing_below_files,
    files_of_known_owners,
    one_version,
    no_exclusions,
    same_choices,
    no_triggers,
    no_explicit_triggers,
    no_diversions,
    accounts_of_the_base,
    configurations_agree,
    databases_merge,
)


def _real_name(name: str, links: Mapping[str, str]) -> str:
    return f"/{real_path(name, links, follow_last=True)}" if name.startswith("/") else name


def _difference(one: Entry, other: Entry) -> str:
    for name in ("kind", "mode", "uid", "gid", "content", "attributes"):
        left, right = getattr(one, name), getattr(other, name)
        if left != right:
            return f"{name} {_show(name, left)} and {_show(name, right)}"
    return "size"


def _show(name: str, value: object) -> str:
    text = f"{value:04o}" if name == "mode" and isinstance(value, int) else str(value)
    return text.removeprefix("sha256:")[:12] if text.startswith("sha256:") else text


def _version(stanza: str) -> str:
    lines = (line.partition(":") for line in stanza.split("\n"))
    return next((value.strip() for key, _, value in lines if key == "Version"), "no version")
