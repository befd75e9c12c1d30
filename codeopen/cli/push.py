"""``codeopen push``: copies a stack's images to another registry, under the same names and version.

JSON: ``images``: rows of ``name``, ``target``, ``digest`` and ``work`` (``copied``, ``there``; with ``--dry-run``
``copy``).
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass

from codeopen.cli.build import wanted_images
from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.table import render_table, short_digest
from codeopen.distribution.copying import copy_image
from codeopen.distribution.registry import Registry
from codeopen.errors import OnDemandError, RegistryError
from codeopen.ondemand.foresight import foresee
from codeopen.ondemand.opening import Bench, Choices, open_bench
from codeopen.plan.digest import plan_tag
from codeopen.selection.version import is_released


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    target: str
    digest: str
    work: str


def run(invocation: Invocation) -> Outcome:
    """Copy the images that are named, else all flavors' and the popular combinations'. Raises CodeOpenError."""
    options = invocation.options
    host, _, owner = options.to.partition("/")
    if not owner:
        raise RegistryError(f"--to {options.to!r}: write the registry and the owner, as ghcr.io/acme")
    choices = Choices(registry=options.registry or "", build=False)
    with open_bench(options.stack, checkout_of(invocation.catalog).resolve(), choices) as bench:
        parts, combinations = wanted_images(bench.source.catalog, options.names)
        seen = foresee(bench, parts, combinations, options.platform)
        if missing := [each.name for each in seen if each.work != "found"]:
            raise OnDemandError(
                f"{bench.tools.registry.host} has no {', '.join(missing)}; build first (codeopen build)"
            )
        target = Registry(host)
        rows = [_copy(bench, (each.name, each.plan_digest), (target, owner), dry_run=options.dry_run) for each in seen]
    if invocation.format == "json":
        return Outcome(render_json({"images": [asdict(row) for row in rows]}))
    cells = [(row.name, short_digest(row.digest), row.work, row.target) for row in rows]
    return Outcome(render_table(("IMAGE", "DIGEST", "WORK", "TARGET"), cells))


def _copy(bench: Bench, image: tuple[str, str], target: tuple[Registry, str], *, dry_run: bool) -> _Row:
    name, plan_digest = image
    release, registry = bench.source.plan.release, bench.tools.registry
    repository, tag = f"{target[1]}/{name}", plan_tag(plan_digest)
    digest = registry.find_manifest(f"{release.owner}/{name}", tag)
    if digest is None:
        raise OnDemandError(f"{registry.host}/{release.owner}/{name}: the image of its plan is gone; build it again")
    there = target[0].find_manifest(repository, release.version)
    full = f"{target[0].host}/{repository}:{release.version}"
    if there == digest:
        return _Row(name, full, digest, "there")
    if there and is_released(release.version):
        raise RegistryError(f"{full} is released with another image and never moves; bump VERSION")
    if dry_run:
        return _Row(name, full, digest, "copy")
    sys.stderr.write(f"  copying {name} to {full}\n")
    copy_image((registry, f"{release.owner}/{name}"), digest, (target[0], repository), (release.version, tag))
    return _Row(name, full, digest, "copied")
