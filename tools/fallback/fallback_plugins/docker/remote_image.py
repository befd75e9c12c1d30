"""``docker:index/remoteImage:RemoteImage``."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event
from typing import Any, ClassVar

from fallback_plugins.docker.engine import Engine, ObjectMissingError, found
from provider.protocol.errors import PluginError
from provider.protocol.properties import Change, Kind, Property
from provider.protocol.resource import Change as InPlaceChange
from provider.protocol.resource import Observed, ResourceType, Stored
from provider.protocol.values import Properties


class RemoteImage(ResourceType):
    """An image in the Engine's local store, pulled when it isn't there. Its id is the image's id and name."""

    token: ClassVar[str] = "docker:index/remoteImage:RemoteImage"  # noqa: S105 - a type token, not a secret
    table: ClassVar[Mapping[str, Property]] = {
        "name": Property(
            Kind.STRING,
            required=True,
            differs="pulled without credentials; when replaced under the same name, the old image is removed first",
        ),
        "keepLocally": Property(Kind.BOOLEAN, change=Change.UPDATE, default=False),
        "forceRemove": Property(Kind.BOOLEAN, change=Change.UPDATE, default=False),
        "pullTriggers": Property(Kind.STRING_SET),
        "platform": Property(Kind.STRING),
    }
    computed: ClassVar[tuple[str, ...]] = ("imageId", "repoDigest")

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def deletes_before_replacing(self, olds: Properties, news: Properties) -> bool:
        """The old image goes by name: afterwards, that would remove the new one."""
        return bool(olds.get("name") == news.get("name"))

    def create(self, inputs: Properties, cancelled: Event) -> Stored:  # noqa: ARG002
        name = str(inputs["name"])
        inspected = found(lambda: self._inspect(name)) or self._pull(name, inputs.get("platform"))
        return Stored(inspected["Id"] + name, {**inputs, **_outputs(inspected, name)})

    def _inspect(self, name: str) -> Any:
        with self._engine.calling(f"look up the image {name}") as client:
            return client.inspect_image(name)

    def _pull(self, name: str, platform: str | None) -> Any:
        pull_image(self._engine, name, platform)
        return self._inspect(name)

    def read(self, identifier: str, inputs: Properties, outputs: Properties) -> Observed | None:
        name = inputs.get("name") or outputs.get("name") or identifier
        inspected = found(lambda: self._inspect(str(name)))
        if inspected is None:
            return None
        kept = inputs or {"name": name}
        return Observed(inspected["Id"] + name, kept, {**outputs, **kept, **_outputs(inspected, name)})

    def update(self, change: InPlaceChange, outputs: Properties, cancelled: Event) -> Properties:  # noqa: ARG002
        """Only what a later deletion does can change in place."""
        return self.preview_update(change.new, outputs)

    def delete(self, identifier: str, outputs: Properties) -> None:  # noqa: ARG002
        if outputs.get("keepLocally"):
            return
        name = str(outputs["name"])
        try:
            with self._engine.calling(f"remove the image {name}") as client:
                client.remove_image(name, force=bool(outputs.get("forceRemove")))
        except ObjectMissingError:
            return


def pull_image(engine: Engine, name: str, platform: str | None = None) -> None:
    """Pull an image by tag or digest, without credentials. Raises PluginError with the registry's answer."""
    has_tag = "@" in name or ":" in name.rsplit("/", 1)[-1]
    with engine.calling(f"pull the image {name}") as client:
        for line in client.pull(name, tag=None if has_tag else "latest", platform=platform, stream=True, decode=True):
            if "error" in line:
                raise PluginError(f"can't pull the image {name}: {line['error']}")


def _outputs(inspected: Any, name: str) -> Properties:
    repository = name.split("@", 1)[0]
    if ":" in repository.rsplit("/", 1)[-1]:
        repository = repository.rsplit(":", 1)[0]
    digests = inspected.get("RepoDigests") or []
    return {
        "imageId": inspected["Id"],
        "repoDigest": next((digest for digest in digests if digest.split("@", 1)[0] == repository), ""),
    }
