"""The build plan: every part with its plan digests, and the popular combinations, as values made before any build."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from codeopen.errors import PlanError
from codeopen.model.catalog.model import Catalog, Status, Substitute, UpstreamKind
from codeopen.model.plan.accounts import render_accounts
from codeopen.model.plan.combinations import Combination, popular_combinations
from codeopen.model.plan.context import Context
from codeopen.model.plan.digest import PlanInputs, UpstreamPin, combination_digest, plan_digest, substitute_digest
from codeopen.model.plan.exporting import EPOCH_ARGUMENT, source_date_epoch
from codeopen.model.plan.graph import Graph
from codeopen.model.plan.health import render_health
from codeopen.model.plan.origin import LICENSES, SOURCE, join_licenses, joint_origin
from codeopen.model.plan.parts import (
    BASE,
    Part,
    PartId,
    PartKind,
    list_members,
    list_parts,
    list_substitutes,
    parts_graph,
)
from codeopen.model.plan.state import PartState, why_not_built
from codeopen.model.plan.substitutes import substitutes_in_force
from codeopen.model.selection.closest import closest
from codeopen.model.selection.name import ImageName, Release, format_image_name, release_errors
from codeopen.model.selection.selection import DEFAULT_PLATFORM


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What a stack asks of a plan: where images are kept, for which platforms, with which upstreams of its own.

    ``upstreams`` are overrides; with ``substitutes``, what the catalog can build in upstreams' place is built, unless
    it is overridden.
    """

    release: Release
    platforms: tuple[str, ...] = (DEFAULT_PLATFORM,)
    upstreams: Mapping[str, UpstreamPin] = field(default_factory=lambda: MappingProxyType({}))
    substitutes: bool = False


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """A part with its image's reference, the pins of its own upstreams and, for each platform, what goes into it.

    ``inputs`` and ``digests`` have the same keys; both are empty when the part can't be built. ``upstreams`` are those
    on the first of them; ``why_not`` has the reason for each platform of the request that it is not built for.
    """

    part: Part
    reference: str
    state: PartState
    upstreams: tuple[UpstreamPin, ...]
    inputs: Mapping[str, PlanInputs]
    digests: Mapping[str, str]
    why_not: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def buildable(self) -> bool:
        return self.state is PartState.BUILDABLE

    def state_on(self, platform: str) -> PartState:
        """Its state on a platform of the request: one that is built for others may not be for this one."""
        return PartState.NO_PLATFORM if self.buildable and platform not in self.digests else self.state

    def reason(self, platform: str) -> str:
        """Why it can't be built for a platform, as the rest of a sentence that begins with its name."""
        return self.why_not.get(platform, f"is not built for {platform}, which is not among codeopen:platforms")


@dataclass(frozen=True, slots=True)
class PlannedCombination:
    """A combination with its image's name, its parts as they lie on each other, and its plan digests.

    ``digests`` has the platforms that all parts are built for; none when a part is in ``not_buildable``.
    """

    combination: Combination
    image: ImageName
    parts: tuple[PartId, ...]
    not_buildable: tuple[PartId, ...]
    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """All parts, each after those that it is built on, and the popular combinations.

    ``substitutes`` are built before all parts; ``substituted`` has everything that stands in for an upstream.
    """

    release: Release
    platforms: tuple[str, ...]
    parts: tuple[PlannedPart, ...]
    popular: tuple[PlannedCombination, ...]
    substitutes: tuple[PlannedPart, ...] = ()
    substituted: Mapping[str, Substitute] = field(default_factory=lambda: MappingProxyType({}))


def make_plan(catalog: Catalog, contexts: Mapping[PartId, Context], request: PlanRequest) -> BuildPlan:
    """Plan all parts and the popular combinations. Raises PlanError or ImageNameError for an unusable request."""
    _check_request(catalog, request)
    substitutes = _plan_substitutes(catalog, contexts, request) if request.substitutes else ()
    pins = {**_substitute_pins(substitutes), **request.upstreams}
    request = replace(request, upstreams=MappingProxyType(pins))
    parts = {part.id: part for part in list_parts(catalog)}
    planned: dict[PartId, PlannedPart] = {}
    for part_id in parts_graph(tuple(parts.values())).topological_order():
        planned[part_id] = _plan_part(catalog, parts[part_id], planned, contexts.get(part_id), request)
    return BuildPlan(
        release=request.release,
        platforms=request.platforms,
        parts=tuple(planned.values()),
        popular=tuple(
            plan_combinations(catalog, tuple(planned.values()), request.release, popular_combinations(catalog))
        ),
        substitutes=substitutes,
        substituted=substitutes_in_force(catalog, (built.part.id.id for built in substitutes), pins),
    )


def plan_combinations(
    catalog: Catalog, parts: Iterable[PlannedPart], release: Release, combinations: Iterable[Combination]
) -> Iterator[PlannedCombination]:
    """Plan combinations one after the other, from the parts of a plan."""
    by_id = {planned.part.id: planned for planned in parts}
    for combination in combinations:
        ids = list_members(catalog, combination.flavor, combination.addons)
        members = [by_id[part_id] for part_id in ids]
        yield PlannedCombination(
            combination=combination,
            image=format_image_name(catalog, release, combination.flavor, combination.addons),
            parts=ids,
            not_buildable=tuple(planned.part.id for planned in members if not planned.buildable),
            digests=MappingProxyType(
                {
                    platform: combination_digest(platform, (planned.digests[platform] for planned in members))
                    for platform in members[0].digests
                    if all(platform in planned.digests for planned in members)
                }
            ),
        )


def build_arguments(
    catalog: Catalog, part: Part, upstreams: Mapping[str, UpstreamPin], platform: str
) -> tuple[tuple[str, str], ...]:
    """The build arguments of a part's Dockerfile on a platform, ordered by name. Raises PlanError.

    All get the time that no file of theirs may be later than. Files from outside come as ``<ID>_URL`` and
    ``<ID>_DIGEST``, unless the stack gives a build context in their place (``upstreams`` are its overrides); the base
    gets its accounts.
    """
    epoch = source_date_epoch(catalog)
    if part.id.kind is PartKind.SUBSTITUTE:
        return ((EPOCH_ARGUMENT, epoch),)
    own = catalog.addons[part.id.id].extra_env if part.id.kind is PartKind.ADDON else {}
    health = render_health(part.checks, {**catalog.base.env, **own})
    arguments = {"CODEOPEN_HEALTH": health, "CODEOPEN_PART": str(part.id), EPOCH_ARGUMENT: epoch}
    if part.id == BASE:
        arguments["CODEOPEN_ACCOUNTS"] = render_accounts(catalog.base.accounts)
    for upstream in (catalog.upstreams[name] for name in part.upstreams if name not in upstreams):
        if upstream.kind is UpstreamKind.FILE:
            prefix = upstream.id.upper().replace("-", "_")
            source = upstream.source(platform)
            arguments |= {f"{prefix}_URL": source.reference, f"{prefix}_DIGEST": source.digest}
    return tuple(sorted(arguments.items()))


def _check_request(catalog: Catalog, request: PlanRequest) -> None:
    if errors := release_errors(request.release):
        raise errors[0]
    if not request.platforms:
        raise PlanError("the plan is asked for no platform; name at least one, as linux/amd64")
    for platform in request.platforms:
        if platform not in catalog.base.platforms:
            fix = closest(platform, catalog.base.platforms)
            raise PlanError(f"platform {platform!r}: the base is not built for it; {fix}")
    for name, pin in request.upstreams.items():
        if name not in catalog.upstreams:
            fix = closest(name, catalog.upstreams)
            raise PlanError(f"upstream {name!r} is overridden, but the catalog has none of that name; {fix}")
        if pin.id != name:
            raise PlanError(f"the override of upstream {name!r} is a pin of {pin.id!r}; give both the same name")


def _plan_substitutes(
    catalog: Catalog, contexts: Mapping[PartId, Context], request: PlanRequest
) -> tuple[PlannedPart, ...]:
    """Plan what is built in the place of upstreams, each after those that it uses itself. Raises PlanError."""
    parts = {part.id.id: part for part in list_substitutes(catalog) if part.id.id not in request.upstreams}
    edges = tuple((used, name) for name, part in parts.items() for used in part.upstreams if used in parts)
    planned: list[PlannedPart] = []
    for name in Graph(tuple(parts), edges).topological_order():
        part = parts[name]
        pins = MappingProxyType({**_substitute_pins(planned), **request.upstreams})
        found = _plan_part(catalog, part, {}, contexts.get(part.id), replace(request, upstreams=pins))
        if not found.buildable:
            raise PlanError(f"substitute for upstream {name!r}: {part.directory}/Dockerfile is missing; write it")
        planned.append(found)
    return tuple(planned)


def _substitute_pins(substitutes: Iterable[PlannedPart]) -> dict[str, UpstreamPin]:
    return {
        planned.part.id.id: UpstreamPin(
            planned.part.id.id,
            planned.part.directory,
            planned.part.name.rpartition(" ")[2],
            substitute_digest(planned.digests),
        )
        for planned in substitutes
    }


def _plan_part(
    catalog: Catalog,
    part: Part,
    planned: Mapping[PartId, PlannedPart],
    context: Context | None,
    request: PlanRequest,
) -> PlannedPart:
    """Plan a part; ``planned`` has those that it is built on."""
    needed = {part_id: planned[part_id] for part_id in part.builds_on}
    state = _state(part, needed.values(), context, request)
    inputs: dict[str, PlanInputs] = {}
    if state is PartState.BUILDABLE and context is not None:
        for platform in _platforms(part, needed.values(), request):
            inputs[platform] = PlanInputs(
                part=str(part.id),
                platform=platform,
                dockerfile=context.dockerfile.digest,
                files=context.files,
                upstreams=_pins(catalog, part, request, platform),
                build_arguments=build_arguments(catalog, part, request.upstreams, platform),
                parent=needed[part.parent].digests[platform] if part.parent is not None else None,
                takes=tuple(sorted((str(taken), needed[taken].digests[platform]) for taken in part.takes)),
                labels=_origin(catalog, part, [other.inputs[platform] for other in needed.values()]),
            )
    return PlannedPart(
        part=part,
        reference=request.release.reference(part.repository),
        state=state,
        upstreams=_pins(catalog, part, request, next(iter((*inputs, *part.platforms, *request.platforms)))),
        inputs=MappingProxyType(inputs),
        digests=MappingProxyType({platform: plan_digest(value) for platform, value in inputs.items()}),
        why_not=MappingProxyType(
            {
                platform: why_not_built(catalog, part, state, platform)
                for platform in dict.fromkeys(request.platforms)
                if platform not in inputs
            }
        ),
    )


def _origin(catalog: Catalog, part: Part, below: Iterable[PlanInputs]) -> tuple[tuple[str, str], ...]:
    """The labels on source and licences: those of a part's upstreams, and of everything that it is built on."""
    own = {
        SOURCE: catalog.base.source,
        LICENSES: join_licenses(catalog.upstreams[name].license for name in part.upstreams),
    }
    return tuple(sorted(joint_origin((own, *(dict(inputs.labels) for inputs in below))).items()))


def _pins(catalog: Catalog, part: Part, request: PlanRequest, platform: str) -> tuple[UpstreamPin, ...]:
    """The pins of a part's own upstreams on a platform, as the stack overrides them, ordered by id."""
    pins = []
    for upstream_id in part.upstreams:
        upstream = catalog.upstreams[upstream_id]
        source = upstream.source(platform)
        pin = UpstreamPin(upstream.id, source.reference, upstream.version, source.digest)
        pins.append(request.upstreams.get(upstream_id, pin))
    return tuple(sorted(pins))


def _state(part: Part, needed: Collection[PlannedPart], context: Context | None, request: PlanRequest) -> PartState:
    if part.status is Status.PLANNED:
        return PartState.PLANNED
    if context is None:
        return PartState.NO_DOCKERFILE
    if not all(other.buildable for other in needed):
        return PartState.PARENT_NOT_BUILDABLE
    if not _platforms(part, needed, request):
        return PartState.NO_PLATFORM
    return PartState.BUILDABLE


def _platforms(part: Part, needed: Collection[PlannedPart], request: PlanRequest) -> tuple[str, ...]:
    """The platforms to build a part for, which all that it is built on have, in the request's order, each once."""
    return tuple(
        platform
        for platform in dict.fromkeys(request.platforms)
        if platform in part.platforms and all(platform in other.digests for other in needed)
    )
