"""The labels of images: OCI annotations, and which versions of upstreams went in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from codeopen.model.plan.digest import PLAN_LABEL, UpstreamPin, plan_tag
from codeopen.model.plan.parts import PartId
from codeopen.model.plan.plan import PlannedPart

TITLE: Final = "org.opencontainers.image.title"
VERSION: Final = "org.opencontainers.image.version"
REVISION: Final = "org.opencontainers.image.revision"
# What the distribution's image says of itself and all that are built on it inherit: it is not theirs.
INHERITED: Final = ("org.opencontainers.image.ref.name",)
UPSTREAM: Final = "dev.codeopen.upstream."
SUBSTITUTE: Final = "dev.codeopen.substitute."


def image_labels(
    planned: PlannedPart, platform: str, by_id: Mapping[PartId, PlannedPart], notes: Mapping[str, str]
) -> dict[str, str]:
    """All labels of a part's image: its identity, its origin, the upstreams' versions, and what stands in for them.

    ``notes`` say that by upstream; ``by_id`` has the parts that it takes from. The catalog's description is no label:
    it is no input of the plan, and an edit of it would have to build the image anew.
    """
    labels = identity_labels(planned.part.repository, planned.digests[platform])
    labels |= dict(planned.inputs[platform].labels)
    for pin in labelled_upstreams(planned, by_id):
        labels[f"{UPSTREAM}{pin.id}"] = pin.version
        if pin.id in notes:
            labels[f"{SUBSTITUTE}{pin.id}"] = notes[pin.id]
    return labels


def identity_labels(title: str, plan_digest: str) -> dict[str, str]:
    """What an image is: its title, its plan as revision, and as version the tag that names this plan for good.

    Neither a commit nor a released version: one image serves all commits and versions whose plan it is (ADR 21). A
    build can't drop a label that it inherits, only empty it.
    """
    return {
        TITLE: title,
        VERSION: plan_tag(plan_digest),
        REVISION: plan_digest,
        PLAN_LABEL: plan_digest,
        **dict.fromkeys(INHERITED, ""),
    }


def labelled_upstreams(planned: PlannedPart, by_id: Mapping[PartId, PlannedPart]) -> list[UpstreamPin]:
    """A part's upstreams with those of the parts that it takes from, whose labels it does not inherit."""
    taken = (pin for part in planned.part.takes for pin in labelled_upstreams(by_id[part], by_id))
    return sorted({*planned.upstreams, *taken})
