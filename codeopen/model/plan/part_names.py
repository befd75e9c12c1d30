"""The parts that a name means, as people write names."""

from __future__ import annotations

from codeopen.errors import ImageNameError, NoSuchEntryError
from codeopen.model.catalog.model import Catalog
from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.parts import PartId, PartKind, list_members, list_parts
from codeopen.model.selection.closest import closest
from codeopen.model.selection.name import PREFIX, ImageName, selected_parts, split_words


def parts_named(catalog: Catalog, name: str) -> tuple[tuple[PartId, ...], Combination | None]:
    """The parts that a name means, and the combination if it is one's, whose members the parts then are.

    Good names are a part's (``base``, ``js``, ``addon-databases``), an add-on's id, and any of these with what an
    image's name has around it (``codeopen-js``, ``localhost:5000/codeopen/codeopen-js-db:0.0.2``), also without its
    prefix (``js-db``); its add-ons may be in any order. Raises NoSuchEntryError or ImageNameError with the closest
    name.
    """
    words = name.rpartition("/")[2].partition("@")[0].partition(":")[0].removeprefix(PREFIX)
    parts = {str(part.id): part.id for part in list_parts(catalog)}
    names = {**{addon: PartId(PartKind.ADDON, addon) for addon in catalog.addons}, **parts}
    if words in names:
        return (names[words],), None
    try:
        flavor, suffixes = split_words(catalog, words)
        image = ImageName("localhost:5000", "codeopen", flavor, tuple(sorted(suffixes)), "any")
    except ImageNameError:
        if any(words.startswith(f"{flavor}-") for flavor in catalog.flavors):
            raise
        raise NoSuchEntryError(f"part {name!r}: the catalog has none of that name; {closest(words, names)}") from None
    flavor, addons = selected_parts(catalog, image)
    return list_members(catalog, flavor, addons), Combination(flavor, addons)
