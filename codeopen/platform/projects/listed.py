"""Projects of an environment's own list (``codeopen:projects``), as the state of its stack has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_COMPONENT: Final = "codeopen:kubernetes:ProjectStack"
_WORKLOAD: Final = "kubernetes:apps/v1:StatefulSet"
_NAME: Final = "project-"


@dataclass(frozen=True, slots=True)
class Held:
    """The URNs of all that the state has of one project, and whether there is a workload among it."""

    urns: tuple[str, ...]
    workload: bool


def read_held(state: Mapping[str, Any]) -> dict[str, Held]:
    """What the state of an environment's stack has of each project, by its id, whether it is still listed or not."""
    resources = state.get("resources") or []
    found = {}
    for component in resources:
        if component["type"] == _COMPONENT:
            parts = [each for each in resources if each.get("parent") == component["urn"]]
            urns = dict.fromkeys(each["urn"] for each in (component, *parts))
            workload = any(each["type"] == _WORKLOAD for each in parts)
            found[component["urn"].rpartition("::")[2].removeprefix(_NAME)] = Held(tuple(urns), workload)
    return found
