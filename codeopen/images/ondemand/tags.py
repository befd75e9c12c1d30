"""Which tags a new image gets: its plan's always, its version's where that may move."""

from __future__ import annotations

import json

from codeopen.errors import TakenError
from codeopen.images.registry.registry import Registry
from codeopen.model.plan.digest import PLAN_LABEL, plan_tag
from codeopen.model.selection.version import is_released, next_pre_release


def tags_for(registry: Registry, repository: str, version: str, plan_digest: str) -> tuple[str, ...]:
    """The tags to write, the plan's last: who looks the plan up finds an image that is complete.

    Raises TakenError where the version is released with another plan, and RegistryError.
    """
    tag = plan_tag(plan_digest)
    if registry.find_manifest(repository, version) is None or not is_released(version):
        return (version, tag)
    if read_labels(registry, repository, version).get(PLAN_LABEL) == plan_digest:
        return (tag,)
    raise TakenError(
        f"{registry.host}/{repository}:{version} is released with another plan and never moves; bump VERSION, or set "
        f"codeopen:imageVersion to a pre-release such as {next_pre_release(version)}"
    )


def read_labels(registry: Registry, repository: str, reference: str) -> dict[str, str]:
    """The labels of an image, or the annotations of an index of images. Raises RegistryError."""
    manifest = registry.read_manifest(repository, reference).parsed()
    if "config" not in manifest:
        return dict(manifest.get("annotations") or {})
    config = json.loads(registry.read_blob(repository, manifest["config"]["digest"]))
    return dict(config.get("config", {}).get("Labels") or {})
