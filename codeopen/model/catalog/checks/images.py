"""Names of images lead back to their selection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from codeopen.errors import Problem
from codeopen.model.catalog.draft import Draft

_PARTS_OWN_NAMES: Final = {"addon": "add-ons", "companion": "companions"}
_PREFIX: Final = "codeopen-"


def suffixes_are_unique(draft: Draft) -> Iterator[Problem]:
    holders: dict[str, str] = {}
    for addon in draft.addons.values():
        holder = holders.setdefault(addon.image_suffix, addon.id)
        if holder != addon.id:
            what = f'"{addon.image_suffix}" is also the suffix of {holder}'
            yield draft.problem(("addons", addon.id, "image_suffix"), what, "give each add-on a suffix of its own")


def suffixes_are_no_flavors(draft: Draft) -> Iterator[Problem]:
    for addon in draft.addons.values():
        if addon.image_suffix in draft.ids.get("flavors", ()):
            what = f'"{addon.image_suffix}" is also the id of a flavor, so that an image\'s name would mislead'
            yield draft.problem(("addons", addon.id, "image_suffix"), what, "choose another suffix")


def flavors_are_not_the_base(draft: Draft) -> Iterator[Problem]:
    if "base" in draft.ids.get("flavors", ()):
        what = "codeopen-base is the name of the base's own image"
        yield draft.problem(("flavors", "base"), what, "choose another id", at_key=True)


def flavors_are_no_parts_of_other_kinds(draft: Draft) -> Iterator[Problem]:
    """Add-on ``gui``'s own image is ``codeopen-addon-gui``: no flavor's may be called so, with or without add-ons."""
    for name in draft.ids.get("flavors", ()):
        kind = name.split("-")[0]
        if kind in _PARTS_OWN_NAMES:
            what = f"names that start with codeopen-{kind} are those of {_PARTS_OWN_NAMES[kind]}' own images"
            yield draft.problem(("flavors", name), what, "choose another id", at_key=True)


def suffixes_are_no_other_ids(draft: Draft) -> Iterator[Problem]:
    for addon in draft.addons.values():
        other = draft.addons.get(addon.image_suffix)
        if other and other.image_suffix != addon.image_suffix:
            what = f'"{addon.image_suffix}" is also the id of another add-on'
            yield draft.problem(("addons", addon.id, "image_suffix"), what, "choose another suffix")


def names_are_unambiguous(draft: Draft) -> Iterator[Problem]:
    """No id is what people type for a flavor with add-ons, in any order: ``js-gui`` beside ``js`` with ``-gui``."""
    suffixes = {addon.image_suffix: addon.id for addon in draft.addons.values()}
    flavors = draft.ids.get("flavors", ())
    for kind in ("flavors", "addons"):
        for name in draft.ids.get(kind, ()):
            words = name.split("-")
            for length in range(1, len(words)):
                flavor, rest = "-".join(words[:length]), words[length:]
                if flavor in flavors and suffixes.keys() >= set(rest) and len(set(rest)) == len(rest):
                    addons = " and ".join(suffixes[word] for word in rest)
                    what = f"{_PREFIX}{name} is also the name of flavor {flavor} with {addons}"
                    yield draft.problem((kind, name), what, "choose another id", at_key=True)


def ids_mean_one_thing(draft: Draft) -> Iterator[Problem]:
    """Commands take an id alone, so that no two entries may share one, nor take the name of the other's image."""
    holders: dict[str, str] = {}
    for kind, singular in (("tiers", "tier"), ("flavors", "flavor"), ("addons", "add-on")):
        for name in draft.ids.get(kind, ()):
            holder = holders.setdefault(name, singular)
            if holder != singular:
                what = f"{name} is also the id of a {holder}"
            elif name.startswith(_PREFIX) and kind != "tiers":
                what = f"names of images start with {_PREFIX}: it would be read as {name.removeprefix(_PREFIX)}"
            else:
                continue
            yield draft.problem((kind, name), what, "choose another id", at_key=True)


def addons_are_no_other_parts(draft: Draft) -> Iterator[Problem]:
    """``base`` is a part's name, and ``addon-gui`` that of add-on ``gui``."""
    addons = draft.ids.get("addons", ())
    for name in addons:
        other = name.removeprefix("addon-")
        if name == "base":
            what = "base is the name of the base"
        elif other != name and other in addons:
            what = f"{name} is the name of add-on {other}'s own part"
        else:
            continue
        yield draft.problem(("addons", name), what, "choose another id", at_key=True)
