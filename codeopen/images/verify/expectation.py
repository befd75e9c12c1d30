"""What the catalog and a plan say of an image, before it is looked at: the parts that it is made of, and all of theirs.

An image inherits the checks of all of its parts: the base's, the flavor's, those of flavors that it takes, and those of
its add-ons and companions. A companion may replace checks of the others.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from codeopen.model.catalog.model import Account, Catalog, Check, Port
from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.labels import labelled_upstreams
from codeopen.model.plan.origin import joint_origin
from codeopen.model.plan.parts import BASE, PartId, PartKind
from codeopen.model.plan.plan import BuildPlan, PlannedPart, plan_combinations
from codeopen.model.plan.substitutes import checks_in_force
from codeopen.model.selection.name import PREFIX


@dataclass(frozen=True, slots=True)
class Expectation:
    """An image's name (``base``, ``addon-gui``, ``js-code-gui``) and everything that must hold for it.

    ``checks`` are pairs of a part and one of its checks; ``left_out`` gives the reason of each that is not asked;
    ``upstreams`` are the versions that its labels name, ``substitutes`` the notes of all that stands in for upstreams,
    ``origin`` its labels on source and licences.
    """

    name: str
    version: str
    plan_digest: str
    checks: tuple[tuple[str, Check], ...]
    left_out: Mapping[str, str]
    ports: tuple[Port, ...]
    env: Mapping[str, str]
    accounts: tuple[Account, ...]
    upstreams: Mapping[str, str]
    substitutes: Mapping[str, str]
    origin: Mapping[str, str]

    @property
    def title(self) -> str:
        """The image's name without registry, owner and version."""
        return f"{PREFIX}{self.name}"


def expect_part(catalog: Catalog, plan: BuildPlan, part: PartId, platform: str) -> Expectation:
    """What a part's own image must be."""
    planned = {each.part.id: each for each in plan.parts}
    origin = dict(planned[part].inputs[platform].labels)
    return _expect(catalog, plan, (str(part), planned[part].digests[platform], origin), (part,))


def expect_combination(catalog: Catalog, plan: BuildPlan, combination: Combination, platform: str) -> Expectation:
    """What the image of a flavor with add-ons must be."""
    (wanted,) = plan_combinations(catalog, plan.parts, plan.release, (combination,))
    name = wanted.image.repository.removeprefix(PREFIX)
    inputs = {each.part.id: each.inputs for each in plan.parts}
    origin = joint_origin(dict(inputs[part][platform].labels) for part in wanted.parts)
    return _expect(catalog, plan, (name, wanted.digests[platform], origin), wanted.parts)


def _expect(
    catalog: Catalog, plan: BuildPlan, identity: tuple[str, str, Mapping[str, str]], parts: tuple[PartId, ...]
) -> Expectation:
    """``identity`` is name, plan digest and origin.

    ``parts`` are those whose Dockerfiles' last stages lie on top of each other, without the base.
    """
    planned = {each.part.id: each for each in plan.parts}
    members = _with_ancestors(planned, parts)
    addons = tuple(catalog.addons[part.id] for part in parts if part.kind is PartKind.ADDON)
    companions = [catalog.companions[part.id] for part in parts if part.kind is PartKind.COMPANION]
    replaced = {name for companion in companions for name in companion.replaces}
    left_out: dict[str, str] = {}
    checks: list[tuple[str, Check]] = []
    for member in members:
        own = (check for check in member.part.checks if check.name not in replaced)
        in_force = checks_in_force(own, plan.substituted)
        checks += [(str(member.part.id), check) for check in in_force.checks]
        left_out |= in_force.left_out
    layered = [planned[part] for part in dict.fromkeys((BASE, *parts))]
    used = {pin.id for member in members for pin in member.upstreams}
    return Expectation(
        name=identity[0],
        version=plan.release.version,
        plan_digest=identity[1],
        checks=tuple(checks),
        left_out=MappingProxyType(left_out),
        ports=(*catalog.base.ports, *(port for addon in addons for port in addon.extra_ports)),
        env=MappingProxyType(dict(ChainMap(*(dict(addon.extra_env) for addon in addons), dict(catalog.base.env)))),
        accounts=catalog.base.accounts,
        upstreams=MappingProxyType(
            {pin.id: pin.version for member in layered for pin in labelled_upstreams(member, planned)}
        ),
        substitutes=MappingProxyType({name: found.note for name, found in plan.substituted.items() if name in used}),
        origin=MappingProxyType(dict(identity[2])),
    )


def _with_ancestors(planned: Mapping[PartId, PlannedPart], parts: Iterable[PartId]) -> tuple[PlannedPart, ...]:
    """The parts after everything that they are built on, the base first, each once."""
    found: dict[PartId, PlannedPart] = {}

    def visit(part: PartId) -> None:
        for other in planned[part].part.builds_on:
            visit(other)
        found.setdefault(part, planned[part])

    for part in (BASE, *parts):
        visit(part)
    return tuple(found.values())
