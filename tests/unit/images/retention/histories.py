"""A registry's history as values: parts rebuilt, combinations composed of generations of parts, releases, projects.

It notes what each combination was really composed of, which the code under test has to find out by the layers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from codeopen.images.retention.decisions import KeepRules, RetentionPlan, make_plan
from codeopen.images.retention.references import Reference
from codeopen.images.retention.stored import Inventory, Key, Kind, StoredManifest, StoredRepository

OWNER = "codeopen"
FLAVORS = ("codeopen-js", "codeopen-python")
ADDONS = ("codeopen-addon-databases", "codeopen-addon-gui", "codeopen-addon-cloud")
START = datetime(2026, 1, 1, tzinfo=UTC)
NO_GRACE = timedelta(0)


@dataclass
class Part:
    """One generation of a part: the key of its image, and of the index that its tags name, if there is one."""

    image: Key
    named: Key
    layers: tuple[str, ...]
    base: str


@dataclass
class History:
    """What happens is called by name; ``prune`` removes what the plan says, and says it."""

    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    manifests: dict[Key, StoredManifest] = field(default_factory=dict)
    parts: dict[str, list[Part]] = field(default_factory=dict)
    composed_of: dict[Key, list[Part]] = field(default_factory=dict)
    projects: dict[str, Key] = field(default_factory=dict)
    patch: int = 1
    hours: int = 0
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def now(self) -> datetime:
        return START + timedelta(hours=self.hours)

    @property
    def dev(self) -> str:
        return f"0.0.{self.patch}-dev"

    def digest(self, word: str = "m") -> str:
        number = next(self.numbers)
        return f"sha256:{f'{number:06x}{word.encode().hex()}'.ljust(64, '0')}"

    def put(self, name: str, kind: Kind, **fields: object) -> Key:
        key = Key(f"{OWNER}/{name}", self.digest())
        self.manifests[key] = replace(StoredManifest(key.digest, 1_000, kind, {}), **fields)  # type: ignore[arg-type]
        return key

    def tag(self, key: Key, *tags: str) -> None:
        self.tags.setdefault(key.repository, {}).update(dict.fromkeys(tags, key.digest))

    def put_image(self, name: str, layers: Iterable[str], *, composed: bool = False) -> Key:
        layers = tuple(layers)
        blobs = {layer.replace("6c6179", "626c62"): 10_000 for layer in layers} | {self.digest("config"): 500}
        created = None if composed else self.now
        return self.put(name, Kind.IMAGE, blobs=blobs, diff_ids=layers, created=created)

    def build(self, name: str, layers: tuple[str, ...], base: str, *, index: bool) -> Part:
        self.hours += 1
        image = named = self.put_image(name, layers)
        if index:
            attestation = self.put(name, Kind.ATTESTATION, blobs={self.digest("att"): 300})
            other = self.put_image(name, (self.digest("lay"),))
            children = (image.digest, attestation.digest, other.digest)
            named = self.put(name, Kind.INDEX, children=children)
        self.tag(named, f"plan-{next(self.numbers):x}", self.dev)
        self.put_part_index(name, named)
        part = Part(image, named, layers, base)
        self.parts.setdefault(name, []).append(part)
        return part

    def put_part_index(self, name: str, subject: Key) -> None:
        artifact = self.put(name, Kind.ARTIFACT, blobs={self.digest("index"): 4_000}, subject=subject.digest)
        listing = self.put(name, Kind.INDEX, children=(artifact.digest,))
        self.tag(listing, subject.digest.replace(":", "-"))

    def rebuild_base(self, *, index: bool) -> None:
        layers = (self.digest("lay"), self.digest("lay"))
        self.build("codeopen-base", layers, layers[-1], index=index)

    def rebuild(self, name: str, *, index: bool) -> None:
        if not self.parts.get("codeopen-base"):
            self.rebuild_base(index=index)
        base = self.parts["codeopen-base"][-1]
        self.build(name, (*base.layers, self.digest("lay")), base.base, index=index)

    def compose(self, flavor: str, addons: tuple[str, ...], back: int, *, index: bool) -> None:
        """Of the generations ``back`` from the newest of the flavor, and what stands on the same base."""
        flavors = self.parts.get(flavor, [])
        if not flavors:
            return
        chosen = [flavors[-1 - min(back, len(flavors) - 1)]]
        for addon in addons:
            fitting = [part for part in self.parts.get(addon, ()) if part.base == chosen[0].base]
            if not fitting:
                return
            chosen.append(fitting[-1 - min(back, len(fitting) - 1)])
        base = next((part for part in self.parts["codeopen-base"] if part.base == chosen[0].base), None)
        if base is None:
            return
        self.hours += 1
        layers = [*chosen[0].layers, *(part.layers[-1] for part in chosen[1:])]
        layers += [self.digest("lay")] if len(addons) > 1 else []  # the seal
        name = "-".join((flavor, *(addon.rpartition("-")[2] for addon in addons)))
        image = named = self.put_image(name, layers, composed=True)
        if index:
            named = self.put(name, Kind.INDEX, children=(image.digest,))
        self.composed_of[image] = [base, *chosen]
        self.tag(named, f"plan-{next(self.numbers):x}", self.dev)

    def release(self) -> None:
        """All that the pre-release names now becomes the version; the next pre-release begins."""
        for tags in self.tags.values():
            if self.dev in tags:
                tags[f"0.0.{self.patch}"] = tags[self.dev]
        self.patch += 1

    def roll_back(self, name: str, back: int) -> None:
        plans = [digest for tag, digest in self.tags.get(f"{OWNER}/{name}", {}).items() if tag.startswith("plan-")]
        if plans:
            self.tags[f"{OWNER}/{name}"][self.dev] = plans[-1 - min(back, len(plans) - 1)]

    def start_project(self, project: str, choice: int) -> None:
        images = sorted(
            key for key in self.manifests if any(key.digest == x for x in self.tags[key.repository].values())
        )
        images = [key for key in images if self.manifests[key].kind is Kind.IMAGE]
        if images:
            self.projects[project] = images[choice % len(images)]

    def inventory(self) -> Inventory:
        names = {key.repository for key in self.manifests}
        repositories = {
            name: StoredRepository(
                name,
                dict(self.tags.get(name, {})),
                {key.digest: manifest for key, manifest in self.manifests.items() if key.repository == name},
            )
            for name in names
        }
        return Inventory("localhost:5000", OWNER, repositories)

    def rules(self, generations: int) -> KeepRules:
        references = tuple(Reference(key.repository, "", key.digest, name) for name, key in self.projects.items())
        return KeepRules(generations, NO_GRACE, references)

    def plan(self, generations: int) -> RetentionPlan:
        return make_plan(self.inventory(), self.rules(generations), self.now)

    def prune(self, generations: int) -> RetentionPlan:
        plan = self.plan(generations)
        for decision in plan.removed:
            del self.manifests[decision.key]
            tags = self.tags.get(decision.key.repository, {})
            for tag in decision.tags:
                del tags[tag]
        for name, parts in self.parts.items():
            self.parts[name] = [part for part in parts if part.named in self.manifests]
        self.composed_of = {key: parts for key, parts in self.composed_of.items() if key in self.manifests}
        return plan
