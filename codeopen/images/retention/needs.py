"""What a manifest needs to be of use: an index's images, the parts of a combination, what is about an image."""

from __future__ import annotations

from collections import defaultdict

from codeopen.images.retention.ages import LayerSets, subject_of_tag
from codeopen.images.retention.stored import Inventory, Key, Kind


class Needs:
    """The manifests of an inventory that others need.

    A part is needed when an image has all its layers: the base's, too, as composing wants equal base layers. So is the
    index that names the part, which lookups find, and with it what it has for other platforms.
    """

    def __init__(self, inventory: Inventory, sets: LayerSets) -> None:
        self._inventory = inventory
        self._sets = sets
        self._indexes: defaultdict[Key, list[Key]] = defaultdict(list)
        self._about: defaultdict[Key, list[Key]] = defaultdict(list)
        listings = set[Key]()
        for name, repository in inventory.repositories.items():
            for tag, digest in repository.tags.items():
                if subject := subject_of_tag(tag):
                    self._about[Key(name, subject)].append(Key(name, digest))
                    listings.add(Key(name, digest))
        for key, manifest in inventory:
            if manifest.subject:
                self._about[Key(key.repository, manifest.subject)].append(key)
            if key not in listings:
                for child in manifest.children:
                    self._indexes[Key(key.repository, child)].append(key)

    def of(self, key: Key) -> list[tuple[Key, str]]:
        """What this manifest needs of what is there, each with the reason."""
        manifest = self._inventory.repositories[key.repository].manifests.get(key.digest)
        if manifest is None:
            return []
        found = [(Key(key.repository, child), f"in {key}") for child in manifest.children]
        found += [(other, f"about {key}") for other in self._about[key]]
        if manifest.kind is Kind.IMAGE:
            found += [(part, f"{key} has its layers") for part in self._sets.within(key)]
            found += [(index, f"holds {key}") for index in self._indexes[key]]
        return [
            (other, reason)
            for other, reason in found
            if other.digest in self._inventory.repositories[other.repository].manifests
        ]
