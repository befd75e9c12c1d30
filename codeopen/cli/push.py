"""``codeopen push``: copies a stack's images to another registry, under the same names and version.

Where a stack has several platforms, each one's image goes with its own tags, and their index after them, unless one
platform is asked for. JSON: ``images``: rows of ``name``, ``platform`` (``all`` for an index), ``target``, ``digest``
and ``work`` (``copied``, ``there``; with ``--dry-run`` ``copy``).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from codeopen.cli.build import wanted_images
from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.table import render_table, short_digest
from codeopen.errors import NothingBuiltError, TakenError, UsageError
from codeopen.images.ondemand.opening import Bench, Choices, open_bench
from codeopen.images.ondemand.published import ALL, Published, list_published
from codeopen.images.registry.copying import copy_image
from codeopen.images.registry.registry import Registry
from codeopen.model.plan.digest import plan_tag
from codeopen.model.selection.version import is_released


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    platform: str
    target: str
    digest: str
    work: str


@dataclass(frozen=True, slots=True)
class Target:
    """The registry and the owner in it that images go to."""

    registry: Registry
    owner: str


def run(invocation: Invocation) -> Outcome:
    """Copy the images that are named, else all flavors' and the popular combinations'. Raises CodeOpenError."""
    options = invocation.options
    host, _, owner = options.to.partition("/")
    if not owner:
        raise UsageError(f"--to {options.to!r}: write the registry and the owner, as ghcr.io/acme")
    choices = Choices(registry=options.registry or "", build=False)
    with open_bench(options.stack, checkout_of(invocation.catalog).resolve(), choices) as bench:
        parts, combinations = wanted_images(bench.source.catalog, options.names)
        names = list(list_published(bench.source, parts, combinations, options.platform))
        target = Target(Registry(host), owner)
        # All are looked at before the first is copied: what is refused leaves nothing behind.
        rows = [_look(each, digest, target) for each, digest in _digests(bench, names).items()]
        if not options.dry_run:
            rows = [_copy(bench, *each, target) for each in zip(names, rows, strict=True)]
    if invocation.format == "json":
        return Outcome(render_json({"images": [asdict(row) for row in rows]}))
    cells = [(row.name, row.platform, short_digest(row.digest), row.work, row.target) for row in rows]
    return Outcome(render_table(("IMAGE", "PLATFORM", "DIGEST", "WORK", "TARGET"), cells))


def _words(image: Published) -> str:
    return f"{image.name} ({'index' if image.platform == ALL else image.platform})"


def _digests(bench: Bench, images: Sequence[Published]) -> dict[Published, str]:
    """The digests that these images have in the stack's registry. Raises NothingBuiltError where one isn't there."""
    registry, owner = bench.tools.registry, bench.source.plan.release.owner
    found = {each: registry.find_manifest(f"{owner}/{each.name}", plan_tag(each.plan_digest)) for each in images}
    if missing := [_words(each) for each, digest in found.items() if digest is None]:
        raise NothingBuiltError(f"{registry.host} has no {', '.join(missing)}; build first (codeopen build)")
    return {each: digest for each, digest in found.items() if digest}


def _look(image: Published, digest: str, target: Target) -> _Row:
    """What copying an image would do. Raises TakenError where that would move a released version."""
    repository = f"{target.owner}/{image.name}"
    there = {target.registry.find_manifest(repository, tag) for tag in _tags(image)}
    full = f"{target.registry.host}/{repository}:{image.version}"
    if is_released(image.version) and not there <= {digest, None}:
        raise TakenError(f"{full} is released with another image and never moves; bump VERSION")
    return _Row(image.name, image.platform, full, digest, "there" if there == {digest} else "copy")


def _copy(bench: Bench, image: Published, row: _Row, target: Target) -> _Row:
    if row.work == "there":
        return row
    sys.stderr.write(f"  copying {_words(image)} to {row.target}\n")
    origin = bench.tools.registry, f"{bench.source.plan.release.owner}/{image.name}"
    copy_image(origin, row.digest, (target.registry, f"{target.owner}/{image.name}"), _tags(image))
    return replace(row, work="copied")


def _tags(image: Published) -> tuple[str, str]:
    """The plan's last: who looks it up finds an image that is complete."""
    return image.version, plan_tag(image.plan_digest)
