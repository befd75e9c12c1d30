"""What stands in for upstreams in a plan, and what checks say there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from codeopen.model.catalog.model import Catalog, Check, CommandCheck, Substitute
from codeopen.model.plan.digest import UpstreamPin


@dataclass(frozen=True, slots=True)
class ChecksInForce:
    """The checks to run, and the names of those that are left out, with the note of the substitute that says why."""

    checks: tuple[Check, ...]
    left_out: Mapping[str, str]


def substitutes_in_force(
    catalog: Catalog, built: Iterable[str], overrides: Mapping[str, UpstreamPin]
) -> Mapping[str, Substitute]:
    """The substitutes of a plan by upstream: those that it builds, and those that a mirror holds, by their version."""
    ids = set(built)
    return MappingProxyType(
        {
            upstream.id: upstream.substitute
            for upstream in catalog.upstreams.values()
            if upstream.substitute
            and (
                upstream.id in ids
                or (upstream.id in overrides and overrides[upstream.id].version == upstream.substitute.version)
            )
        }
    )


def checks_in_force(checks: Iterable[Check], substitutes: Mapping[str, Substitute]) -> ChecksInForce:
    """A part's checks as they are with these substitutes in the place of upstreams."""
    left_out = {name: f"{upstream}: {found.note}" for upstream, found in substitutes.items() for name in found.without}
    outputs = {name: output for found in substitutes.values() for name, output in found.outputs.items()}
    all_checks = tuple(checks)
    return ChecksInForce(
        tuple(_adapted(all_checks, outputs, left_out)),
        MappingProxyType({check.name: left_out[check.name] for check in all_checks if check.name in left_out}),
    )


def _adapted(checks: Iterable[Check], outputs: Mapping[str, str], left_out: Mapping[str, str]) -> Iterator[Check]:
    for check in checks:
        if check.name in left_out:
            continue
        if isinstance(check, CommandCheck) and check.name in outputs:
            yield replace(check, output=outputs[check.name])
        else:
            yield check
