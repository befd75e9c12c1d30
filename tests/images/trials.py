"""The images of `make images`: each is built by the trial's stack, or found there when `part test --keep` built it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from codeopen.authoring.part_test.disk import prune_cache
from codeopen.authoring.part_test.target import Target, expect, find_targets
from codeopen.authoring.part_test.trial_stack import TrialStack
from codeopen.images.verify.container import Surroundings, remove_images
from codeopen.images.verify.expectation import Expectation
from codeopen.images.verify.suite import Image
from codeopen.platform.deploy.stack import Watch

SILENT = Watch(lambda _: None, lambda _: None)
KEEP = "CODEOPEN_KEEP_TRIAL"  # set it to keep the registry, for the next run
CACHE_GIGABYTES = 10


@dataclass
class Trials:
    stack: TrialStack
    built: dict[str, Image] = field(default_factory=dict)

    def image(self, name: str) -> Image:
        """The image of a part or a combination. Skips where it can't be built.

        The Engine keeps one at a time beside the base, and the builder's cache stays small: the disk does not hold all.
        """
        if name not in self.built:
            target = self._target(name)
            remove_images([image.reference for image in self.built.values() if image.reference != image.base])
            built = self.stack.build(target, SILENT)
            prune_cache(self.stack.settings.builder, CACHE_GIGABYTES)
            self.built[name] = Image(built.row.reference, built.base)
        return self.built[name]

    def expected(self, name: str) -> Expectation:
        return expect(self.stack.catalog, self.stack.plan, self._target(name))

    def surroundings(self, network: str = "none", publish: tuple[int, ...] = ()) -> Surroundings:
        # Not the stack's own label: building the next image would remove them as strays.
        return Surroundings({"codeopen.test": self.stack.name}, network, publish)

    def build_on(self, image: Image, context: Path, name: str) -> str:
        """Build a throw-away image on one of them; returns its reference."""
        repository = f"{self.stack.settings.release.registry}/tests/{name}"
        told = context.parent / f"{name}.json"
        output = f"type=image,name={repository},push=true,push-by-digest=true,oci-mediatypes=true"
        command = ["docker", "buildx", "build", "--builder", self.stack.settings.builder, "--provenance=false"]
        command += ["--output", output, "--metadata-file", str(told), "--build-context", self._package_archive()]
        command += ["--build-context", f"base=docker-image://{image.reference}"]
        command += ["--file", str(context / f"{name}.dockerfile"), str(context)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == 0, done.stderr
        return f"{repository}@{json.loads(told.read_text())['containerimage.digest']}"

    def _package_archive(self) -> str:
        mirrored = self.stack.settings.mirror.get("package-archive")
        if mirrored is not None and mirrored.layout is not None:
            return f"package-archive=oci-layout://{mirrored.layout}@{mirrored.digest}"
        return f"package-archive={self.stack.checkout}/.codeopen/contexts/package-archive"

    def _target(self, name: str) -> Target:
        found = find_targets(self.stack.catalog, self.stack.plan, [name])
        if found.untried:
            pytest.skip(f"{found.untried[0].name} {found.untried[0].reason}")
        return found.targets[0]

    def close(self) -> None:
        references = {image.reference for image in self.built.values()} | {image.base for image in self.built.values()}
        remove_images(sorted(references))
        if self.built and not os.environ.get(KEEP):
            self.stack.remove(SILENT)
