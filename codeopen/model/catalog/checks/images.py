"""Names of images lead back to their selection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from codeopen.errors import Problem
from codeopen.model.catalog.draft import Draft

_PARTS_OWN_NAMES: Final = {"addon": "add-ons", "companion": "companions"}


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


def names_are_unambiguous(draft: Draft) -> Iterator[Problem]:
    """No flavor's image is named like another flavor's with add-ons: flavor ``js-gui`` beside ``js`` with ``-gui``."""
    suffixes = {addon.image_suffix: addon.id for addon in draft.addons.values()}
    for name in draft.ids.get("flavors", ()):
        words = name.split("-")
        for length in range(1, len(words)):
            flavor, rest = "-".join(words[:length]), words[length:]
            if flavor in draft.ids["flavors"] and all(word in suffixes for word in rest) and rest == sorted(set(rest)):
                addons = " and ".join(suffixes[word] for word in rest)
                what = f"codeopen-{name} is also the name of flavor {flavor} with {addons}"
                yield draft.problem(("flavors", name), what, "choose another id", at_key=True)
