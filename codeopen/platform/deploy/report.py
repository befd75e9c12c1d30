"""What a stack holds after an operation, as rows: its images with their sizes, its projects with their state."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from codeopen.environment.children import run
from codeopen.images.registry.contents import read_image_size
from codeopen.platform.deploy.events import COMPOSED_TYPE, IMAGE_TYPE, MAKING, Event


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image of a part: ``image`` is its name with its tag, ``reference`` its repository and digest.

    ``work``: built, cached (BuildKit ran no step), composed, chained (parts that don't compose were built as a chain),
    adopted (it was published for the same plan before) or unchanged.
    """

    part: str
    image: str
    reference: str
    unpacked_bytes: int
    compressed_bytes: int
    work: str
    seconds: int


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """A project. ``health`` is the Docker Engine's word, ``absent``, or ``unknown`` when the Engine doesn't answer.

    On a cluster it is the state that was asked for, as running; ``url`` is empty without an ingress, and for one that
    is removed.
    """

    project: str
    url: str
    cpu: str
    memory: str
    storage_gb: int
    health: str


def list_images(outputs: Mapping[str, Any], events: Iterable[Event]) -> list[ImageRow]:
    """A row for each image. Raises RegistryError when its registry doesn't answer."""
    images = dict(sorted(outputs.get("images", {}).items(), key=lambda item: int(item[1].get("order", 0))))
    made: dict[str, list[Event]] = {}
    for event in events:
        if event.type in {IMAGE_TYPE, COMPOSED_TYPE} and event.operation in MAKING:
            made.setdefault(_part_of(event.name, images), []).append(event)
    return [_image_row(part, image, made.get(part, [])) for part, image in images.items()]


def _part_of(resource: str, parts: Iterable[str]) -> str:
    """The part in ``parts-js-amd64``: the longest that fits, as there may be a part ``js-extra`` beside ``js``."""
    rest = resource.partition("-")[2]
    return max((part for part in parts if rest.startswith(f"{part}-")), key=len, default="")


def _image_row(part: str, image: Mapping[str, Any], made: Sequence[Event]) -> ImageRow:
    size = read_image_size(image["reference"])
    return ImageRow(
        part=part,
        image=image["image"],
        reference=image["reference"],
        unpacked_bytes=size.unpacked,
        compressed_bytes=size.compressed,
        work=_work(image, made),
        seconds=sum(event.seconds for event in made),
    )


def _work(image: Mapping[str, Any], made: Sequence[Event]) -> str:
    if not made:
        return "unchanged"
    if "method" in image:
        return "adopted" if image.get("adopted") else str(image["method"])
    if any(event.built for event in made):
        return "built"
    return "adopted" if image.get("adopted") else "cached"


def list_projects(outputs: Mapping[str, Any]) -> list[ProjectRow]:
    """A row for each project, with its container's health as the Docker Engine says."""
    return [
        ProjectRow(
            project=name,
            url=project["urls"].get("opencode", ""),
            cpu=project["cpu"],
            memory=project["memory"],
            storage_gb=project["storage_gb"],
            health=_health(project["container"]) if "container" in project else str(project["state"]),
        )
        for name, project in outputs.get("projects", {}).items()
    ]


def _health(container: str) -> str:
    command = ["docker", "inspect", "--type", "container", "--format", "{{json .State}}", container]
    done = run(command)
    if done.returncode:
        return "absent" if "no such container" in done.stderr.lower() else "unknown"
    state = json.loads(done.stdout)
    return str((state.get("Health") or {}).get("Status") or state["Status"])


def as_data(images: Iterable[ImageRow], projects: Iterable[ProjectRow]) -> dict[str, Any]:
    """The rows for programs."""
    return {"images": [asdict(row) for row in images], "projects": [asdict(row) for row in projects]}
