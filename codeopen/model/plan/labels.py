"""The labels of images: OCI annotations, and which versions of upstreams went in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from codeopen.model.plan.digest import UpstreamPin
from codeopen.model.plan.parts import PartId
from codeopen.model.plan.plan import PlannedPart

TITLE: Final = "org.opencontainers.image.title"
# What an image says of itself and all that are built on it inherit, as of the distribution's: it is not theirs.
INHERITED: Final = ("org.opencontainers.image.ref.name", "org.opencontainers.image.version")
UPSTREAM: Final = "dev.codeopen.upstream."
SUBSTITUTE: Final = "dev.codeopen.substitute."


def image_labels(title: str, upstreams: Iterable[UpstreamPin], notes: Mapping[str, str]) -> dict[str, str]:
    """The title, the upstreams' versions in this stack, and by ``notes`` what stands in for them.

    The image's own version is no label: one image serves all versions whose plan it is, and tags say so. Nor is the
    catalog's description, which is no input of the plan: an edit of it would have to build the image anew.
    """
    labels = identity_labels(title)
    for pin in upstreams:
        labels[f"{UPSTREAM}{pin.id}"] = pin.version
        if pin.id in notes:
            labels[f"{SUBSTITUTE}{pin.id}"] = notes[pin.id]
    return labels


def identity_labels(title: str) -> dict[str, str]:
    """The title, and no version: a build can't drop a label that it inherits, only empty it."""
    return {TITLE: title, **dict.fromkeys(INHERITED, "")}


def labelled_upstreams(planned: PlannedPart, by_id: Mapping[PartId, PlannedPart]) -> list[UpstreamPin]:
    """A part's upstreams with those of the parts that it takes from, whose labels it does not inherit."""
    taken = (pin for part in planned.part.takes for pin in labelled_upstreams(by_id[part], by_id))
    return sorted({*planned.upstreams, *taken})
