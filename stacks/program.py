"""The program of every stack: configuration → catalog → plan → components."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi

from codeopen.environment.settings import Settings, plan_request, read_settings
from codeopen.environment.stack_contents import StackContents, choose_contents
from codeopen.environment.stack_file import OBJECT_KEYS, SCALAR_KEYS
from codeopen.errors import CodeOpenError
from codeopen.images.staging import CONTEXTS, stage_context, stage_text
from codeopen.model.catalog.model import Catalog, UpstreamKind
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.context import Context, read_contexts
from codeopen.model.plan.matrix import make_matrix
from codeopen.model.plan.parts import PartId, list_builds
from codeopen.model.plan.plan import BuildPlan, PlannedCombination, PlannedPart, make_plan
from codeopen.model.plan.projects import PlannedProject, plan_projects
from components.built_image import BuiltImage
from components.composed_images import ComposedImages
from components.image_indexes import ImageIndexes, PlatformImages
from components.local_registry import LocalRegistry, LocalRegistryArgs
from components.part_images import BuildArgs, PartImages
from components.project_stack import ProjectStack, ProjectStackArgs
from components.substitute_images import SubstituteImages
from components.upstream_mirror import UpstreamMirror, UpstreamMirrorArgs
from provider.resources import ComposedImage
from stacks.kubernetes import run_on_cluster

CHECKOUT = Path(__file__).resolve().parent.parent


def run_stack() -> None:
    """Declare everything that the current stack holds. A mistake of its author ends it with a text, not a traceback."""
    try:
        settings = read_settings(pulumi.get_stack(), _configuration(), CHECKOUT)
        if settings.cluster is not None:
            run_on_cluster(settings, settings.cluster, CHECKOUT)
            return
        catalog = read_catalog(settings.catalog)
        files = read_contexts(CHECKOUT, list_builds(catalog))
        plan = make_plan(catalog, files, plan_request(settings))
        projects = plan_projects(
            catalog, settings.projects, settings.release, settings.platforms[0], settings.first_host_port
        )
        wanted = choose_contents(catalog, settings, plan, projects)
        contexts = _stage(catalog, plan, files)
    except CodeOpenError as error:
        raise pulumi.RunError(str(error)) from None
    _declare(catalog, settings, plan, wanted, contexts)


def _declare(
    catalog: Catalog,
    settings: Settings,
    plan: BuildPlan,
    wanted: StackContents,
    contexts: Mapping[PartId, str],
) -> None:
    parts, projects = wanted.parts, wanted.projects
    registry = LocalRegistry(
        "registry", LocalRegistryArgs(settings.stack, _registry_image(catalog, settings), settings.registry_port)
    )
    after_registry = pulumi.ResourceOptions(depends_on=[registry.container])
    substitutes = _substitutes(plan, parts.values())
    used = {name for planned in (*substitutes, *parts.values()) for name in planned.part.upstreams}
    upstreams = _upstreams(catalog, settings, used, after_registry)
    notes = {upstream: substitute.note for upstream, substitute in plan.substituted.items()}
    build = BuildArgs(contexts, upstreams, settings.builder, plan.release.version, settings.platforms, notes=notes)
    build = replace(build, before_tag=settings.before_tag)
    if substitutes:
        stand_ins = SubstituteImages("substitutes", substitutes, build, after_registry)
        build = replace(build, stand_ins=stand_ins.locations)
    images = PartImages("parts", parts.values(), build, after_registry)
    composed = ComposedImages("combinations", wanted.combinations, (parts, images), build, after_registry)
    platform = settings.platforms[0]
    made = {str(part): _part_output(images.images[part, platform], parts[part].reference) for part in parts}
    for planned in wanted.combinations:
        image = composed.images[planned.combination, platform]
        made[_short_name(planned)] = _composed_output(image, str(planned.image))
    if len(settings.platforms) > 1:
        ImageIndexes("indexes", _by_platform(wanted, images, composed), build)
    for project in projects:
        reference = made[_short_image(project)]["reference"]
        args = ProjectStackArgs(settings.stack, project, reference, settings.process_limit)
        ProjectStack(f"project-{project.id}", args)
    # Outputs lose their order, hence the number.
    pulumi.export("images", {name: {"order": order, **output} for order, (name, output) in enumerate(made.items())})
    pulumi.export("matrix", make_matrix(plan))
    described = {
        project.id: {**_describe(settings, project), "reference": made[_short_image(project)]["reference"]}
        for project in projects
    }
    pulumi.export("projects", described)


def _by_platform(wanted: StackContents, images: PartImages, composed: ComposedImages) -> dict[str, PlatformImages]:
    """The images of parts and combinations by name, each with its platforms."""
    found = {
        str(part): PlatformImages(
            planned.reference.rpartition(":")[0],
            planned.digests,
            {platform: images.images[part, platform].reference for platform in planned.digests},
        )
        for part, planned in wanted.parts.items()
    }
    for each in wanted.combinations:
        references = {platform: composed.images[each.combination, platform].ref for platform in each.digests}
        found[_short_name(each)] = PlatformImages(str(each.image).rpartition(":")[0], each.digests, references)
    return found


def _short_name(planned: PlannedCombination) -> str:
    return planned.image.repository.removeprefix("codeopen-")


def _short_image(project: PlannedProject) -> str:
    return project.resolution.image.repository.removeprefix("codeopen-")


def _part_output(image: BuiltImage, tag: str) -> dict[str, Any]:
    return {"reference": image.reference, "image": tag, "adopted": image.adopted}


def _composed_output(image: ComposedImage, tag: str) -> dict[str, Any]:
    """``method`` is ``composed`` or ``chained``, ``reason`` why."""
    story = {"method": image.method, "reason": image.reason, "adopted": image.adopted}
    return {"reference": image.ref, "image": tag, **story}


def _upstreams(
    catalog: Catalog, settings: Settings, used: Collection[str], opts: pulumi.ResourceOptions
) -> Mapping[str, pulumi.Input[str]]:
    """The build context of each image upstream that is used: the catalog's pin, or its stand-in of a mirror."""
    locations: dict[str, pulumi.Input[str]] = {}
    for upstream in (catalog.upstreams[name] for name in sorted(used)):
        if upstream.kind is UpstreamKind.IMAGE:
            locations[upstream.id] = f"docker-image://{upstream.reference}@{upstream.digest}"
        elif upstream.kind is UpstreamKind.PACKAGE_ARCHIVE:
            locations[upstream.id] = f"{CONTEXTS}/{upstream.id}"
    mirrored = {name: entry for name, entry in settings.mirror.items() if name in used and entry.layout is not None}
    if mirrored:
        prefix = f"{settings.release.registry}/{settings.release.owner}"
        mirror = UpstreamMirror("mirror", UpstreamMirrorArgs(prefix, mirrored), opts)
        for name, reference in mirror.references.items():
            locations[name] = reference.apply(lambda ref: f"docker-image://{ref}")
    return locations


def _substitutes(plan: BuildPlan, parts: Iterable[PlannedPart]) -> tuple[PlannedPart, ...]:
    """The substitutes that these parts use, directly or not."""
    by_id = {planned.part.id.id: planned for planned in plan.substitutes}
    needed = {name for planned in parts for name in planned.part.upstreams}
    for planned in reversed(plan.substitutes):
        if planned.part.id.id in needed:
            needed |= set(planned.part.upstreams)
    return tuple(planned for name, planned in by_id.items() if name in needed)


def _registry_image(catalog: Catalog, settings: Settings) -> str:
    mirrored = settings.mirror.get("registry")
    upstream = catalog.upstreams["registry"]
    return mirrored.reference if mirrored else f"{upstream.reference}@{upstream.digest}"


def _stage(catalog: Catalog, plan: BuildPlan, files: Mapping[PartId, Context]) -> Mapping[PartId, str]:
    """Give every buildable part's context a copy whose file modes don't depend on the checkout's umask.

    A package archive's context is made here: a file with the id of the snapshot, which the catalog pins.
    """
    staged = {}
    builds = (*plan.substitutes, *plan.parts)
    for part in (planned.part for planned in builds if planned.buildable):
        staged[part.id] = f"{CONTEXTS}/{part.id}"
        stage_context(files[part.id], CHECKOUT / part.directory, CHECKOUT / staged[part.id])
    for upstream in catalog.upstreams.values():
        if upstream.kind is UpstreamKind.PACKAGE_ARCHIVE:
            stage_text("snapshot", f"{upstream.version}\n", CHECKOUT / CONTEXTS / upstream.id)
    return staged


def _describe(settings: Settings, project: PlannedProject) -> dict[str, Any]:
    resolution = project.resolution
    return {
        "container": f"codeopen-{settings.stack}-{project.id}",
        "image": str(resolution.image),
        "cpu": str(resolution.resources.cpu),
        "memory": str(resolution.resources.memory),
        "storage_gb": resolution.resources.storage_gb,
        "storage_enforced": False,
        "monthly_price_cents": resolution.monthly_price_cents,
        "credentials": {port.name: port.credential for port in resolution.ports},
        "urls": {name: f"http://localhost:{port}" for name, port in project.host_ports.items()},
    }


def _configuration() -> dict[str, Any]:
    """The stack's configuration; the CLI has checked the types that Pulumi.yaml declares."""
    config = pulumi.Config("codeopen")
    values: dict[str, Any] = {key: config.get(key) for key in SCALAR_KEYS}
    return values | {key: config.get_object(key) for key in OBJECT_KEYS}
