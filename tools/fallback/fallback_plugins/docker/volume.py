"""``docker:index/volume:Volume``."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event
from typing import Any, ClassVar

from fallback_plugins.docker.common import LABELS, drifted, labels_from_engine, labels_to_engine, remove_when_free
from fallback_plugins.docker.engine import ConflictError, Engine, ObjectMissingError, found
from provider.protocol.errors import PluginError
from provider.protocol.properties import Kind, Property
from provider.protocol.resource import Change, Observed, ResourceType, Stored
from provider.protocol.values import Properties


class Volume(ResourceType):
    """A volume; nothing about one can change in place. Its id is its name."""

    token: ClassVar[str] = "docker:index/volume:Volume"  # noqa: S105 - a type token, not a secret
    table: ClassVar[Mapping[str, Property]] = {
        "name": Property(
            Kind.STRING,
            required=True,
            differs="a volume of this name that exists already is adopted when labels, driver and options fit; "
            "the official plugin adopts any",
        ),
        "driver": Property(Kind.STRING, default="local"),
        "driverOpts": Property(Kind.STRING_MAP),
        "labels": LABELS,
    }
    computed: ClassVar[tuple[str, ...]] = ("mountpoint",)
    named: ClassVar[bool] = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, inputs: Properties, cancelled: Event) -> Stored:  # noqa: ARG002
        name = str(inputs["name"])
        # The Engine answers a second creation with the first volume. That is welcome after a killed run, whose volume
        # carries the labels asked for here; somebody else's data would be adopted unseen.
        existing = found(lambda: self._inspect(name))
        if existing is not None and not _is_the_one(existing, inputs):
            raise PluginError(
                f"can't create the volume {name}: one of that name exists; remove it (docker volume rm {name}) or "
                f"take it over (pulumi import {self.token} NAME {name})"
            )
        with self._engine.calling(f"create the volume {name}") as client:
            created = client.create_volume(
                name=name,
                driver=inputs.get("driver") or "local",
                driver_opts=inputs.get("driverOpts") or {},
                labels=labels_to_engine(inputs.get("labels")),
            )
        return Stored(name, {**inputs, "mountpoint": created["Mountpoint"]})

    def _inspect(self, name: str) -> Any:
        with self._engine.calling(f"look up the volume {name}") as client:
            return client.inspect_volume(name)

    def read(self, identifier: str, inputs: Properties, outputs: Properties) -> Observed | None:
        inspected = found(lambda: self._inspect(identifier))
        if inspected is None:
            return None
        actual = {
            "name": inspected["Name"],
            "driver": inspected["Driver"],
            "driverOpts": inspected["Options"] or {},
            "labels": labels_from_engine(inspected["Labels"]),
        }
        kept = drifted(self.table, inputs, actual) if inputs else {key: value for key, value in actual.items() if value}
        return Observed(identifier, kept, {**outputs, **kept, "mountpoint": inspected["Mountpoint"]})

    def update(self, change: Change, outputs: Properties, cancelled: Event) -> Properties:  # noqa: ARG002
        """Nothing can change in place; spellings that mean the same are recorded."""
        return self.preview_update(change.new, outputs)

    def delete(self, identifier: str, outputs: Properties) -> None:  # noqa: ARG002
        def remove() -> None:
            try:
                with self._engine.calling(f"remove the volume {identifier}") as client:
                    client.remove_volume(identifier, force=True)
            except ObjectMissingError:
                return
            except ConflictError as error:
                raise ConflictError(f"{error}; remove the containers that use it") from error

        remove_when_free(remove)


def _is_the_one(existing: Any, inputs: Properties) -> bool:
    """Whether an existing volume is what a create asks for, and labelled, so that it can be told from others."""
    labels = labels_to_engine(inputs.get("labels"))
    return (
        bool(labels)
        and existing["Labels"] == labels
        and existing["Driver"] == (inputs.get("driver") or "local")
        and (existing["Options"] or {}) == (inputs.get("driverOpts") or {})
    )
