"""``codeopen render``: a cluster's stack as files, without a cluster.

Everything is checked against the API's schemas; nothing is written where something is wrong. JSON: ``files`` (their
names) and ``objects`` (how many). Secrets are redacted.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.environment.settings import Settings, plan_request, read_settings
from codeopen.environment.stack_contents import StackContents, choose_contents
from codeopen.environment.stack_file import read_stack_values
from codeopen.errors import ClusterError, SettingsError
from codeopen.images.registry.registry import Registry
from codeopen.model.catalog.pool_platforms import KARPENTER
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.context import read_contexts
from codeopen.model.plan.digest import plan_tag
from codeopen.model.plan.parts import PartKind, list_builds
from codeopen.model.plan.plan import make_plan
from codeopen.model.plan.projects import plan_projects, with_workloads
from codeopen.platform.cluster.gpu.karpenter import karpenter_objects
from codeopen.platform.cluster.gpu.managed import check_managed
from codeopen.platform.cluster.gpu.pools import check_pools
from codeopen.platform.cluster.gpu.seats import pool_quota
from codeopen.platform.cluster.objects import Object
from codeopen.platform.cluster.project_objects import project_objects
from codeopen.platform.cluster.render import render
from codeopen.platform.cluster.stack_objects import platform_of
from codeopen.platform.cluster.validation import validate
from codeopen.platform.cluster.workload.deployment import short_name
from codeopen.platform.cluster.workload.placement import deployment_of


def run(invocation: Invocation) -> Outcome:
    """Write the manifests of the stack that the options name into a folder."""
    options = invocation.options
    checkout = checkout_of(invocation.catalog).resolve()
    settings = read_settings(options.stack, read_stack_values(checkout, options.stack), checkout)
    objects, wanted = _objects(settings, checkout)
    if problems := validate(objects):
        raise ClusterError("\n".join(map(str, problems)))
    files = render(objects, _looked_up(settings, wanted) if options.lookup else {})
    _write(Path(options.out), files)
    if invocation.format == "json":
        return Outcome(render_json({"files": sorted(files), "objects": len(objects)}))
    where = "".join(f"{options.out}/{name}\n" for name in sorted(files))
    return Outcome(where, f"{len(objects)} objects, all valid for the API\n")


def _objects(settings: Settings, checkout: Path) -> tuple[list[Object], StackContents]:
    cluster = settings.cluster
    if cluster is None:
        raise SettingsError(
            f"stack {settings.stack!r} is not of a cluster: its configuration has no codeopen:cluster; "
            "take another, as staging"
        )
    catalog = read_catalog(settings.catalog)
    plan = make_plan(catalog, read_contexts(checkout, list_builds(catalog)), plan_request(settings))
    projects = plan_projects(catalog, settings.projects, settings.release, settings.platforms[0], None)
    wanted = choose_contents(catalog, settings, plan, with_workloads(projects))
    pools = check_pools(cluster.gpu_pools, catalog.gpus)
    check_managed(pools, cluster.cloud)
    objects = [*platform_of(cluster, catalog, plan, wanted.combinations, pools)]
    for pool in pools:
        objects.extend(pool_quota(pool))
        if pool.pool.platform == KARPENTER:
            objects.extend(karpenter_objects(pool))
    for project in projects:
        objects.extend(project_objects(deployment_of(project, pools), cluster))
    return objects, wanted


def _looked_up(settings: Settings, wanted: StackContents) -> dict[str, str]:
    """The published images by their short names, with their digests. Raises ClusterError for one that isn't there."""
    registry = Registry(settings.release.registry)
    platform = settings.platforms[0]
    named = {
        str(part.id): (planned.reference, planned.digests[platform])
        for part, planned in wanted.parts.items()
        if part.kind in {PartKind.BASE, PartKind.FLAVOR}
    }
    for each in wanted.combinations:
        named[short_name(each.image)] = (str(each.image), each.digests[platform])
    found = {}
    for name, (reference, plan_digest) in named.items():
        repository = reference.partition("/")[2].rpartition(":")[0]
        digest = registry.find_manifest(repository, plan_tag(plan_digest))
        if digest is None:
            raise ClusterError(f"{reference}: no image of this plan is published; run `codeopen ensure` for it")
        found[name] = f"{registry.host}/{repository}@{digest}"
    return found


def _write(out: Path, files: Mapping[str, str]) -> None:
    """Put the files there, all or none; YAML of an earlier run that is no longer made goes."""
    stale = {path.name for path in out.glob("*.yaml")} - set(files) if out.is_dir() else set()
    _refuse_others(out, stale)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as staging:
        for name, text in files.items():
            Path(staging, name).write_text(text, encoding="utf-8")
        out.mkdir(exist_ok=True)
        for name in files:
            shutil.move(Path(staging, name), out / name)
    for name in stale:
        (out / name).unlink()


def _refuse_others(out: Path, stale: Iterable[str]) -> None:
    for name in sorted(stale):
        if not (out / name).read_text(encoding="utf-8").startswith("# Made by `codeopen render`"):
            raise ClusterError(f"{out / name} was not made by `codeopen render`; choose another folder for --out")
