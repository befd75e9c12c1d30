"""The ways to make one more combination, each as an operation to measure."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.composing.workbench import PLATFORM, Workbench
from codeopen.images.compose.image import CONFIG_TYPE, Document, assemble_image, document, image_manifest
from codeopen.images.compose.part_index import LayerBlob, PartIndex
from codeopen.images.compose.publish import Target, publish_untagged, write_tags
from codeopen.images.compose.seal import MEDIA_TYPE, make_seal
from codeopen.images.ondemand.builders.job import BuildJob
from codeopen.images.registry.registry import digest_of
from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.labels import TITLE
from codeopen.model.plan.parts import BASE, PartId, PartKind

Operation = Callable[[], str]
"""Makes an image, and says which: its reference with the digest."""


@dataclass
class Chained:
    """The specification's way, as fair as can be: links are shared, so that a combination costs its last one."""

    bench: Workbench
    name: str = "chained"
    links: dict[Combination, str] = field(default_factory=dict)

    def prepare(self, combination: Combination) -> Operation:
        """Build all links but the last, unmeasured."""
        below = Combination(combination.flavor, combination.addons[:-1])
        parent = self._link(below)
        return lambda: self._build(combination, parent)

    def _link(self, combination: Combination) -> str:
        if not combination.addons:
            return self.bench.references[PartId(PartKind.FLAVOR, combination.flavor)]
        if combination not in self.links:
            parent = self._link(Combination(combination.flavor, combination.addons[:-1]))
            self.links[combination] = self._build(combination, parent)
        return self.links[combination]

    def _build(self, combination: Combination, parent: str) -> str:
        bench, addon = self.bench, PartId(PartKind.ADDON, combination.addons[-1])
        source = bench.source
        needed = {need.part.id for need in source.needs(source.by_id[addon])}
        references = bench.parts.ensure_all((addon, *needed), PLATFORM, lambda _: None)
        member = source.chain_member(source.by_id[addon], PLATFORM, references)
        repository = f"{bench.registry.host}/{bench.owner}/{self.name}-{_words(combination)}"
        job = BuildJob(
            name=_words(combination),
            repository=repository,
            plan_digest="",
            platform=PLATFORM,
            context=member.context,
            named_contexts={**member.named_contexts, str(BASE): f"docker-image://{parent}"},
            build_arguments=member.build_arguments,
            labels=member.labels,
        )
        reference = f"{repository}@{bench.builder.build(job, lambda _: None)}"
        self.links[combination] = reference
        return reference


@dataclass
class Linked:
    """``COPY --link`` of each add-on's delta onto the flavor: BuildKit's own way to put layers together."""

    bench: Workbench
    name: str = "linked"
    deltas: dict[str, str] = field(default_factory=dict)

    def prepare(self, combination: Combination) -> Operation:
        named = {addon: f"docker-image://{self._delta(addon)}" for addon in combination.addons}
        flavor = self.bench.references[PartId(PartKind.FLAVOR, combination.flavor)]
        folder = Path(tempfile.mkdtemp(dir=self.bench.folder))
        lines = ["FROM flavor", *(f"COPY --link --from={addon} / /" for addon in combination.addons)]
        (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
        job = BuildJob(
            name=_words(combination),
            repository=f"{self.bench.registry.host}/{self.bench.owner}/{self.name}-{_words(combination)}",
            plan_digest="",
            platform=PLATFORM,
            context=str(folder),
            named_contexts={"flavor": f"docker-image://{flavor}", **named},
            build_arguments={},
            labels={},
        )
        return lambda: f"{job.repository}@{self.bench.builder.build(job, lambda _: None)}"

    def _delta(self, addon: str) -> str:
        """An image of an add-on's layers alone."""
        if addon not in self.deltas:
            bench, index = self.bench, self.bench.indexes[str(PartId(PartKind.ADDON, addon))]
            repository = f"{bench.owner}/delta-{addon}"
            for layer in index.delta:
                bench.registry.mount_blob(repository, layer.digest, index.repository)
            config = document(
                CONFIG_TYPE,
                {
                    "architecture": "amd64",
                    "os": "linux",
                    "config": {},
                    "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in index.delta]},
                },
            )
            bench.registry.upload_blob(repository, config.digest, config.content)
            manifest = image_manifest(config, index.delta, {})
            bench.registry.write_manifest(repository, manifest.digest, manifest.media_type, manifest.content)
            self.deltas[addon] = f"{bench.registry.host}/{repository}@{manifest.digest}"
        return self.deltas[addon]


@dataclass
class Composed:
    """Composing as the product does, with the seal or without it; ``replaced`` are parts that have changed."""

    bench: Workbench
    seal: bool
    name: str
    replaced: dict[str, PartIndex] = field(default_factory=dict)
    made: dict[Combination, str] = field(default_factory=dict)

    def prepare(self, combination: Combination) -> Operation:
        return lambda: self.make(combination)

    def make(self, combination: Combination) -> str:
        bench = self.bench
        parts = [self.replaced.get(index.repository, index) for index in bench.members(combination)]
        seal = make_seal(bench.base, parts) if self.seal else None
        image = assemble_image(bench.base, parts, {TITLE: _words(combination)}, seal)
        repository = f"{bench.owner}/{self.name}-{_words(combination)}"
        reference = publish_untagged(bench.registry, image, repository, bench.tools.workers, bench.tools.known)
        write_tags(bench.registry, image.manifest, Target(repository, ("latest",)))
        self.made[combination] = reference
        return reference


@dataclass
class Floor:
    """The least that a new image can be: two tiny uploads and a tag."""

    bench: Workbench
    count: int = 0

    def prepare(self, combination: Combination) -> Operation:
        del combination
        layer, config = os.urandom(1024), os.urandom(1024)
        self.count += 1
        repository = f"{self.bench.owner}/floor-{self.count}"
        return lambda: self._make(repository, layer, config)

    def _make(self, repository: str, layer: bytes, config: bytes) -> str:
        registry = self.bench.registry
        for content in (layer, config):
            registry.upload_blob(repository, digest_of(content), content)
        manifest = image_manifest(
            Document(CONFIG_TYPE, digest_of(config), config),
            [LayerBlob(MEDIA_TYPE, digest_of(layer), len(layer), "")],
            {},
        )
        registry.write_manifest(repository, "latest", manifest.media_type, manifest.content)
        return f"{registry.host}/{repository}@{manifest.digest}"


def _words(combination: Combination) -> str:
    return "-".join((combination.flavor, *combination.addons))
