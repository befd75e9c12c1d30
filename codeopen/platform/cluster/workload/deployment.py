"""A project as it is to run on a cluster: what was selected, its image, and whether it sleeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from codeopen.model.plan.projects import State
from codeopen.model.selection.name import ImageName
from codeopen.model.selection.selection import DEFAULT_PLATFORM, Resolution
from codeopen.platform.cluster.objects import GROUP, Object, Reference

WORKSPACE: Final = "workspace"
"""The name of what a project's namespace holds once: its StatefulSet, Service, service account and container."""

CREDENTIALS: Final = "credentials"
HOME_CLAIM: Final = "home"


@dataclass(frozen=True, slots=True)
class GpuPlacement:
    """What a pod needs to get GPUs of a pool: its resource requests, and where it may be scheduled."""

    pool: str
    resources: Mapping[str, str]
    tolerations: tuple[Mapping[str, Any], ...]
    affinity: Mapping[str, Any]
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ProjectDeployment:
    """A project with everything that follows from its selection.

    ``id`` never changes, and every name comes from it; ``display_name`` may change at any time. ``image`` is
    ``repository@sha256:…``. ``storage_gb`` is what was granted: at least the selection's, and never less than before.
    ``seats`` are what it takes of its GPU pool's limit while it runs. ``platform`` is what its image is built for.
    """

    id: str
    display_name: str
    resolution: Resolution
    image: str | Reference
    storage_gb: Any
    state: State = State.RUNNING
    owner: str = ""
    gpu: GpuPlacement | None = None
    seats: tuple[Object, ...] = ()
    platform: str = DEFAULT_PLATFORM

    @property
    def namespace(self) -> str:
        return namespace_of(self.id)

    @property
    def labels(self) -> dict[str, str]:
        """On all that the project has; not its display name, which is no label's value."""
        labels = {f"{GROUP}/project": self.id}
        if self.owner:
            labels[f"{GROUP}/owner"] = self.owner
        return labels


def namespace_of(project_id: str) -> str:
    """The namespace of a project, as ``codeopen-demo``: a label of RFC 1123, since an id has 40 characters at most."""
    return f"codeopen-{project_id}"


def short_name(image: ImageName) -> str:
    """An image's name within its stack: the flavor and the suffixes, as ``js-code``."""
    return image.repository.removeprefix("codeopen-")
