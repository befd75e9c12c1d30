"""Field ownership in server-side apply: what was written before the first apply belongs to the applier from then on.

Objects are created with a plain POST, which makes their fields a manager's of the operation ``Update``. An apply of the
same manager's would share them, and a field left out later would stay. The official plugin takes them over too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MANAGER: Final = "pulumi-kubernetes"

TAKEN_OVER: Final = frozenset(
    {
        ("kubectl", "Apply"),
        ("kubectl", "Update"),
        ("before-first-apply", "Update"),
        ("pulumi-kubernetes", "Update"),
        ("pulumi-kubernetes.exe", "Update"),
        ("pulumi-resource-kubernetes", "Update"),
    }
)


def takeover(live: Mapping[str, Any], manager: str) -> list[dict[str, Any]]:
    """The JSON patch after which ``manager`` owns by apply what it and the others above own; empty when it does."""
    metadata = live["metadata"]
    entries = metadata.get("managedFields") or []
    foreign = [entry for entry in entries if _is_taken(entry)]
    if not foreign:
        return []
    kept = [entry for entry in entries if not _is_taken(entry) and not _is_own(entry, manager)]
    fields: dict[str, Any] = {}
    for entry in (*foreign, *(entry for entry in entries if _is_own(entry, manager) and not _is_taken(entry))):
        fields = _merged(fields, entry.get("fieldsV1") or {})
    own = {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": live["apiVersion"],
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        **({"time": foreign[0]["time"]} if "time" in foreign[0] else {}),
    }
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": [*kept, own]},
        # A writer in between makes the patch fail, and it is made anew.
        {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
    ]


def _is_taken(entry: Mapping[str, Any]) -> bool:
    return not entry.get("subresource") and (entry.get("manager"), entry.get("operation")) in TAKEN_OVER


def _is_own(entry: Mapping[str, Any], manager: str) -> bool:
    return not entry.get("subresource") and (entry.get("manager"), entry.get("operation")) == (manager, "Apply")


def _merged(one: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(one)
    for name, value in other.items():
        merged[name] = _merged(merged.get(name, {}), value)
    return merged
