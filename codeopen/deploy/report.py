"""What a stack holds after an operation, as rows: its images with their sizes, its projects with their state."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from codeopen.deploy.events import Event
from codeopen.distribution.client import read_image_size

_IMAGE_TYPE: Final = "docker-build:index:Image"


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image of a part. ``work``: built, cached (BuildKit ran no step) or unchanged."""

    part: str
    reference: str
    unpacked_bytes: int
    compressed_bytes: int
    work: str
    seconds: int


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """A project. ``health`` is the Docker Engine's word, or ``absent``."""

    project: str
    url: str
    cpu: str
    memory: str
    storage_gb: int
    health: str


def list_images(outputs: Mapping[str, Any], events: Iterable[Event]) -> list[ImageRow]:
    """A row for each image. Raises RegistryError when its registry doesn't answer."""
    done = {event.name: event for event in events if event.type == _IMAGE_TYPE}
    rows = []
    for part, reference in outputs.get("images", {}).items():
        event = next((event for name, event in done.items() if name.startswith(f"parts-{part}-")), None)
        size = read_image_size(reference)
        changed = event is not None and event.operation != "same"
        work = "unchanged" if event is None or not changed else "built" if event.built else "cached"
        seconds = event.seconds if event is not None and changed else 0
        rows.append(ImageRow(part, reference, size.unpacked, size.compressed, work, seconds))
    return rows


def list_projects(outputs: Mapping[str, Any]) -> list[ProjectRow]:
    """A row for each project, with its container's health as the Docker Engine says."""
    return [
        ProjectRow(
            project=name,
            url=project["urls"]["opencode"],
            cpu=project["cpu"],
            memory=project["memory"],
            storage_gb=project["storage_gb"],
            health=_health(project["container"]),
        )
        for name, project in outputs.get("projects", {}).items()
    ]


def _health(container: str) -> str:
    command = ["docker", "inspect", "--type", "container", "--format", "{{json .State}}", container]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return "absent"
    state = json.loads(done.stdout)
    return str(state.get("Health", {}).get("Status") or state["Status"])


def as_data(images: Iterable[ImageRow], projects: Iterable[ProjectRow]) -> dict[str, Any]:
    """The rows for programs."""
    return {"images": [asdict(row) for row in images], "projects": [asdict(row) for row in projects]}
