"""A project's workload as the cluster has it: whether it runs, which image, and whether a newer one waits for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from codeopen.platform.cluster.objects import GROUP
from codeopen.platform.cluster.workload.deployment import WORKSPACE

PROJECT_LABEL: Final = f"{GROUP}/project"
DEADLINE: Final = f"{GROUP}/upgrade-after-hours"
_REVISION: Final = "controller-revision-hash"


@dataclass(frozen=True, slots=True)
class Workspace:
    """``pod`` is what runs, if anything does; ``revision`` is what a new pod would be.

    ``settled`` says that the cluster has seen the newest declaration; until then ``revision`` may be the one before.
    """

    project: str
    namespace: str
    hibernated: bool
    image: str
    revision: str
    settled: bool
    deadline_hours: int
    pod: Mapping[str, Any] | None

    @property
    def ready(self) -> bool:
        if self.pod is None or self.pod["metadata"].get("deletionTimestamp"):
            return False
        conditions = (self.pod.get("status") or {}).get("conditions") or []
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    @property
    def outdated(self) -> bool:
        """Whether its pod is of an older revision than its StatefulSet."""
        if self.pod is None or not self.revision or self.pod["metadata"].get("deletionTimestamp"):
            return False
        return bool(self.pod["metadata"]["labels"].get(_REVISION) != self.revision)

    def due(self, created: datetime, now: datetime) -> bool:
        """Whether the revision, which was made at ``created``, has waited for longer than the project allows."""
        waited = now - created
        return self.outdated and self.deadline_hours > 0 and waited >= timedelta(hours=self.deadline_hours)


def workspaces(sets: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]]) -> dict[str, Workspace]:
    """All projects of these StatefulSets and pods (as the API has them), by their ids."""
    by_namespace = {pod["metadata"]["namespace"]: pod for pod in pods if pod["metadata"]["name"] == f"{WORKSPACE}-0"}
    found = {}
    for each in sets:
        metadata, spec, status = each["metadata"], each["spec"], each.get("status") or {}
        project = metadata["labels"][PROJECT_LABEL]
        hours = (metadata.get("annotations") or {}).get(DEADLINE, "0")
        found[project] = Workspace(
            project=project,
            namespace=metadata["namespace"],
            hibernated=spec["replicas"] == 0,
            image=spec["template"]["spec"]["containers"][0]["image"],
            revision=status.get("updateRevision", ""),
            settled=status.get("observedGeneration", 0) >= metadata.get("generation", 0),
            deadline_hours=int(hours) if hours.isdigit() else 0,
            pod=by_namespace.get(metadata["namespace"]),
        )
    return found


def why_not_ready(workspace: Workspace, events: Iterable[Mapping[str, Any]]) -> str:
    """The reason, in the cluster's own words: of the scheduler, of admission, or of the node."""
    pod = workspace.pod
    last = _last_warning(events)
    if workspace.hibernated:
        return "it is hibernated"
    if pod is None:
        return f"it has no pod; {last}" if last else "it has no pod yet"
    status = pod.get("status") or {}
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"no node takes it: {condition.get('message') or condition.get('reason', '')}"
    for container in status.get("containerStatuses") or []:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") and waiting["reason"] != "ContainerCreating":
            return f"{waiting['reason']}: {waiting.get('message') or last or 'no message'}"
    phase = f"its pod is {status.get('phase', 'Pending')}, not ready"
    return f"{phase}; {last}" if last else phase


def _last_warning(events: Iterable[Mapping[str, Any]]) -> str:
    """The latest warning about the workload: quota refusals, pulls that fail, probes that do."""
    warnings = [event for event in events if event.get("type") == "Warning"]
    if not warnings:
        return ""
    last = max(warnings, key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    return f"{last.get('reason', '')}: {' '.join(str(last.get('message', '')).split())}"
