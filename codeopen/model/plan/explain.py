"""Says why a plan digest differs between two plans: which input changed, where it lies, and what brought it about.

Both plans are values; where the earlier one comes from (a revision of the checkout) is no concern of this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final, TypeVar

from codeopen.model.catalog.model import Catalog
from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.context import ContextFile
from codeopen.model.plan.digest import PlanInputs, UpstreamPin
from codeopen.model.plan.parts import Part, PartId, PartKind
from codeopen.model.plan.plan import PlannedPart
from codeopen.model.selection.order import in_layer_order

Item = TypeVar("Item")
_CATALOG_FILES: Final = {
    PartKind.SUBSTITUTE: "upstreams.yaml",
    PartKind.BASE: "base.yaml",
    PartKind.FLAVOR: "flavors.yaml",
    PartKind.ADDON: "addons.yaml",
    PartKind.COMPANION: "companions.yaml",
}
_SHOWN_DIGITS: Final = 8
HEALTH: Final = "CODEOPEN_HEALTH"
# A name is read as one of this catalog's images, wherever that is kept.


class ChangeKind(StrEnum):
    """Which input of a plan digest changed; programs may rely on these words."""

    PART = "part"
    DOCKERFILE = "dockerfile"
    FILE = "file"
    UPSTREAM = "upstream"
    BUILD_ARGUMENT = "build-argument"
    LABEL = "label"
    PARENT = "parent"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Change:
    """One input that differs. As text ``dockerfiles/base/Dockerfile changed (a1b2c3d4… → e5f6a7b8…)``.

    ``subject`` is what a person would look for: a file by its path in the checkout, an upstream, an argument, a part.
    ``causes`` are the parent's own changes, down to the first that isn't a parent's.
    """

    kind: ChangeKind
    subject: str
    what: str
    causes: tuple[Change, ...] = ()

    def __str__(self) -> str:
        because = f", because {'; '.join(map(str, self.causes))}" if self.causes else ""
        return f"{self.subject}{self.what}{because}"


def explain_change(
    before: Mapping[PartId, PlannedPart], after: Mapping[PartId, PlannedPart], part_id: PartId, platform: str
) -> tuple[Change, ...]:
    """Every input of a part's plan digest that differs between two plans; none when the digest is the same.

    The part must be in ``after``.
    """
    new, old = after[part_id], before.get(part_id)
    if old is None:
        return (Change(ChangeKind.PART, f"part {part_id}", " is new in the catalog"),)
    old_inputs, new_inputs = old.inputs.get(platform), new.inputs.get(platform)
    if old_inputs is None or new_inputs is None:
        return tuple(_state_changes(old, new, platform))
    changes = [*_own_changes(new.part, old_inputs, new_inputs)]
    parent = new.part.parent
    if parent is not None and old_inputs.parent != new_inputs.parent:
        causes = explain_change(before, after, parent, platform)
        changes.append(Change(ChangeKind.PARENT, f"parent {parent}", ": its plan changed", causes))
    changes += _taken_changes(before, after, new, platform)
    return tuple(changes)


def _taken_changes(
    before: Mapping[PartId, PlannedPart], after: Mapping[PartId, PlannedPart], new: PlannedPart, platform: str
) -> Iterator[Change]:
    """What changed in the parts whose images the Dockerfile takes from."""
    old_inputs = before[new.part.id].inputs[platform]
    for name, was, now in _paired(old_inputs.takes, new.inputs[platform].takes, lambda taken: taken[0]):
        if was is None or now is None:
            yield Change(
                ChangeKind.PARENT, f"taken part {name}", " is taken no more" if now is None else " is taken now"
            )
            continue
        taken = next(part for part in new.part.takes if str(part) == name)
        causes = explain_change(before, after, taken, platform)
        yield Change(ChangeKind.PARENT, f"taken part {name}", ": its plan changed", causes)


def explain_order(before: Catalog, after: Catalog, combination: Combination) -> tuple[Change, ...]:
    """Whether a combination's digest changed because its add-ons, all in both catalogs, lie in another order."""
    if not all(addon in before.addons for addon in combination.addons):
        return ()
    old, new = (
        ", ".join(addon.id for addon in in_layer_order(catalog.addons[name] for name in combination.addons))
        for catalog in (before, after)
    )
    what = f": {old} → {new} (layer_order in catalog/addons.yaml)"
    return (Change(ChangeKind.ORDER, "order of the add-ons' layers", what),) if old != new else ()


def _state_changes(old: PlannedPart, new: PlannedPart, platform: str) -> Iterator[Change]:
    """What changed where at least one of the plans can't build the part."""
    was, now = (planned.state_on(platform).value for planned in (old, new))
    if was != now:
        yield Change(ChangeKind.PART, f"part {new.part.id}", f" was {was} and is {now} on {platform}")


def _own_changes(part: Part, old: PlanInputs, new: PlanInputs) -> Iterator[Change]:
    """All changes but the parent's."""
    if old.dockerfile != new.dockerfile:
        path = f"{part.directory}/Dockerfile"
        yield Change(
            ChangeKind.DOCKERFILE, path, f" changed ({show_digest(old.dockerfile)} → {show_digest(new.dockerfile)})"
        )
    for path, was, now in _paired(old.files, new.files, lambda file: file.path):
        for what in _file_changes(was, now):
            yield Change(ChangeKind.FILE, f"{part.directory}/{path}", what)
    file = _CATALOG_FILES[part.id.kind]
    for name, pin_was, pin_now in _paired(old.upstreams, new.upstreams, lambda pin: pin.id):
        yield Change(ChangeKind.UPSTREAM, f"catalog upstream {name}", _pin_change(part, file, pin_was, pin_now))
    for name, argument_was, argument_now in _paired(old.build_arguments, new.build_arguments, lambda pair: pair[0]):
        what = _argument_change(name, file, argument_was, argument_now)
        yield Change(ChangeKind.BUILD_ARGUMENT, f"build argument {name}", what)
    for name, label_was, label_now in _paired(old.labels, new.labels, lambda pair: pair[0]):
        yield Change(ChangeKind.LABEL, f"label {name}", _argument_change(name, file, label_was, label_now))


def _paired(
    old: Sequence[Item], new: Sequence[Item], key: Callable[[Item], str]
) -> Iterator[tuple[str, Item | None, Item | None]]:
    """What differs between two lists, by key and in its order; None stands for what isn't there."""
    before, after = ({key(item): item for item in items} for items in (old, new))
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield name, before.get(name), after.get(name)


def _file_changes(was: ContextFile | None, now: ContextFile | None) -> Iterator[str]:
    if was is None or now is None:
        yield " was removed" if now is None else " was added"
        return
    if was.link != now.link:
        links = [f"a link to {file.link}" if file.link is not None else "a file" for file in (was, now)]
        yield f" was {links[0]} and is {links[1]}"
    elif was.digest != now.digest:
        yield f" changed ({show_digest(was.digest)} → {show_digest(now.digest)})"
    if was.executable != now.executable:
        yield " became executable" if now.executable else " is not executable any more"


def _pin_change(part: Part, file: str, was: UpstreamPin | None, now: UpstreamPin | None) -> str:
    if was is None or now is None:
        return f": {part.id} {'names it no more' if now is None else 'names it now'} (catalog/{file})"
    told = []
    for field in fields(UpstreamPin):
        old, new = getattr(was, field.name), getattr(now, field.name)
        if old != new:
            label = "" if field.name == "version" else f"{field.name} "
            told.append(f"{label}{show_digest(old)} → {show_digest(new)}")
    return f": {', '.join(told)}"


def _argument_change(name: str, file: str, was: tuple[str, str] | None, now: tuple[str, str] | None) -> str:
    if was is None or now is None:
        return " was removed" if now is None else " was added"
    if name != HEALTH:
        return f" changed ({was[1]!r} → {now[1]!r})"
    old, new = (argument[1].splitlines() for argument in (was, now))
    checks = sorted({line.partition("\t")[0] for line in {*old} ^ {*new}})
    return f" changed (port checks in catalog/{file}: {', '.join(checks) or 'their order'})"


def show_digest(text: str) -> str:
    """A digest by its first digits; any other text as it is, ``none`` for an empty one."""
    algorithm, colon, digits = text.partition(":")
    return f"{digits[:_SHOWN_DIGITS]}…" if colon and algorithm == "sha256" else text or "none"
