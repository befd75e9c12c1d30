"""Puts a combination together from images that are there, and publishes it: the same for every caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from codeopen.images.compose.arrangement import Arrangement, Unit, arrange
from codeopen.images.compose.image import compose_image
from codeopen.images.compose.part_index import PartIndex
from codeopen.images.compose.publish import Target, publish_untagged, write_tags
from codeopen.images.compose.store import IndexStore, PartImage
from codeopen.images.compose.verdicts import Verdicts
from codeopen.images.locks.lock import Lease, Locks
from codeopen.images.ondemand.events import Event, Step, Tell
from codeopen.images.ondemand.once import Task, Way, make_once
from codeopen.images.ondemand.signing import Hook, sign
from codeopen.images.ondemand.tags import tags_for
from codeopen.images.registry.registry import Registry
from codeopen.model.plan.digest import plan_tag
from codeopen.model.plan.labels import identity_labels
from codeopen.model.plan.origin import joint_origin

# For each unit, the digest of the image that it is; a chain's parts are joined by dots.
PART_LABEL: Final = "dev.codeopen.part."
METHOD_LABEL: Final = "dev.codeopen.method"
REASON_LABEL: Final = "dev.codeopen.reason"


class Method(StrEnum):
    """How an image came to be: all parts composed, or some of them built as a chain."""

    COMPOSED = "composed"
    CHAINED = "chained"


@dataclass(frozen=True, slots=True)
class Tools:
    """What making images takes. ``before_tag`` signs and attests ``host/repository@digest``; its time counts.

    ``waiting_seconds`` bounds how long a caller waits for another one's build. ``known`` are blobs that are in a
    repository for sure.
    """

    registry: Registry
    store: IndexStore
    verdicts: Verdicts
    locks: Locks
    workers: ThreadPoolExecutor
    before_tag: Hook | None = None
    waiting_seconds: float = 7200
    known: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Identity:
    """What is made: the repository below the registry's host, the version, the plan digest and the platform."""

    repository: str
    version: str
    plan_digest: str
    platform: str

    @property
    def name(self) -> str:
        """The repository without its owner, as ``codeopen-js-code``."""
        return self.repository.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Ingredients:
    """Images by their references: the base's, the parts' by name (the flavor's first, add-ons in layer order).

    ``chain`` builds parts that don't compose, each on the one before it, and gives the last one's reference.
    """

    base: str
    parts: Mapping[str, str]
    chain: Callable[[Sequence[str]], str]


@dataclass(frozen=True, slots=True)
class Combined:
    """The image, how this caller got it, and how it is arranged where it made it."""

    reference: str
    way: Way
    arrangement: Arrangement | None


def find_image(registry: Registry, repository: str, plan_digest: str) -> str | None:
    """The ``host/repository@digest`` that is published for a plan. Raises RegistryError."""
    found = registry.find_manifest(repository, plan_tag(plan_digest))
    return f"{registry.host}/{repository}@{found}" if found else None


def combine_once(tools: Tools, identity: Identity, gather: Callable[[Tell], Ingredients], tell: Tell) -> Combined:
    """The image of a combination: found, or made by one of all callers. Raises CodeOpenError.

    ``gather`` is called by the one who makes it.
    """
    arranged: list[Arrangement] = []

    def make(lease: Lease, tell_all: Tell) -> str:
        arrangement = arrange_combination(tools, identity, gather(tell_all), tell_all)
        arranged.append(arrangement)
        return _publish(tools, identity, arrangement, lease, tell_all)

    key = f"{tools.registry.host}/{identity.repository}:{plan_tag(identity.plan_digest)}"

    def find() -> str | None:
        return find_image(tools.registry, identity.repository, identity.plan_digest)

    made = make_once(tools.locks, Task(key, identity.name, find, make), tell, tools.waiting_seconds)
    return Combined(made.reference, made.how, arranged[0] if made.how is Way.MADE else None)


def arrange_combination(tools: Tools, identity: Identity, ingredients: Ingredients, tell: Tell) -> Arrangement:
    """How a combination is put together: its indexes, and chains where pairs don't compose. Raises CodeOpenError."""
    platform, names = identity.platform, tuple(ingredients.parts)
    base = read_index(tools.store, ingredients.base, platform, None)
    # Reading an index that nobody has made yet means unpacking layers: that goes on in parallel.
    list(tools.workers.map(lambda name: read_index(tools.store, ingredients.parts[name], platform, base), names))
    tell(Event(Step.JUDGING, identity.name, f"judging {len(names) * (len(names) - 1) // 2} pairs of parts"))

    def index_of(unit: Unit) -> PartIndex:
        if len(unit) == 1:
            return read_index(tools.store, ingredients.parts[unit[0]], platform, base)
        tell(Event(Step.CHAINING, identity.name, f"{' and '.join(unit)} don't compose and are built as a chain"))
        return read_index(tools.store, ingredients.chain(unit), platform, base)

    return arrange(base, names, index_of, tools.verdicts.of)


def read_index(store: IndexStore, reference: str, platform: str, base: PartIndex | None) -> PartIndex:
    """The index of the image ``host/repository@digest``. Raises ComposeError and RegistryError."""
    repository, _, digest = reference.partition("/")[2].partition("@")
    return store.get(PartImage(repository, digest, platform), base)


def method_of(arrangement: Arrangement) -> Method:
    """Whether all parts were composed."""
    return Method.CHAINED if arrangement.chains else Method.COMPOSED


def reason_of(arrangement: Arrangement) -> str:
    """Why parts are chained: the first finding on each pair; empty where all were composed."""
    reasons = []
    for refusal in arrangement.refusals:
        first, *more = refusal.verdict.findings
        said = f" and {len(more)} more" if more else ""
        pair = f"{'+'.join(refusal.one)} with {'+'.join(refusal.other)}"
        reasons.append(f"{pair}: {first.rule}: {first.subject}: {first.what}{said}")
    return "; ".join(reasons)


def combination_labels(identity: Identity, arrangement: Arrangement) -> dict[str, str]:
    """The labels of a combination's image beside those of its parts: what it is, and the images that it is made of."""
    units = zip(arrangement.units, arrangement.indexes, strict=True)
    parts = {f"{PART_LABEL}{'.'.join(unit)}": index.digest for unit, index in units}
    return {
        **identity_labels(identity.name, identity.plan_digest),
        **joint_origin(index.config.get("Labels") or {} for index in arrangement.indexes),
        METHOD_LABEL: method_of(arrangement).value,
        **({REASON_LABEL: reason} if (reason := reason_of(arrangement)) else {}),
        **parts,
    }


def _publish(tools: Tools, identity: Identity, arrangement: Arrangement, lease: Lease, tell: Tell) -> str:
    tell(Event(Step.COMPOSING, identity.name, f"composing {len(arrangement.units)} units"))
    labels = combination_labels(identity, arrangement)
    image = compose_image(arrangement.base, arrangement.indexes, labels)
    tell(Event(Step.WRITING, identity.name, f"writing {image.manifest.digest}"))
    reference = publish_untagged(tools.registry, image, identity.repository, tools.workers, tools.known)
    sign(tools.before_tag, reference, tell)
    tell(Event(Step.TAGGING, identity.name, f"tagging {reference}"))
    with lease.guard():
        tags = tags_for(tools.registry, identity.repository, identity.version, identity.plan_digest)
        write_tags(tools.registry, image.manifest, Target(identity.repository, tags))
    return reference
