"""``docker:index/network:Network``."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from fallback_plugins.docker.common import LABELS, labels_from_engine, labels_to_engine, remove_when_free
from fallback_plugins.docker.engine import ConflictError, Engine, ObjectMissingError, found
from provider.protocol.errors import PluginError
from provider.protocol.properties import Kind, Property
from provider.protocol.resource import Change, Observed, ResourceType, Stored
from provider.protocol.values import Properties

if TYPE_CHECKING:
    from docker.types import IPAMConfig

IPAM_FIELDS = MappingProxyType(
    {
        "subnet": Property(Kind.STRING),
        "gateway": Property(Kind.STRING),
        "ipRange": Property(Kind.STRING),
    }
)


class Network(ResourceType):
    """A network; nothing about one can change in place. Its id is the Engine's."""

    token: ClassVar[str] = "docker:index/network:Network"  # noqa: S105 - a type token, not a secret
    table: ClassVar[Mapping[str, Property]] = {
        "name": Property(Kind.STRING, required=True),
        "driver": Property(Kind.STRING, default="bridge"),
        "internal": Property(Kind.BOOLEAN, default=False),
        "attachable": Property(Kind.BOOLEAN, default=False),
        "labels": LABELS,
        "options": Property(Kind.STRING_MAP),
        "ipamConfigs": Property(Kind.OBJECT_SET, fields=IPAM_FIELDS),
    }
    computed: ClassVar[tuple[str, ...]] = ("scope",)
    named: ClassVar[bool] = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, inputs: Properties, cancelled: Event) -> Stored:  # noqa: ARG002
        name = str(inputs["name"])
        try:
            with self._engine.calling(f"create the network {name}") as client:
                created = client.create_network(
                    name,
                    driver=inputs.get("driver") or "bridge",
                    options=inputs.get("options"),
                    ipam=_ipam(inputs.get("ipamConfigs")),
                    check_duplicate=True,
                    internal=bool(inputs.get("internal")),
                    labels=labels_to_engine(inputs.get("labels")),
                    attachable=bool(inputs.get("attachable")),
                )
        except ConflictError as error:
            raise PluginError(
                f"{error}; remove it (docker network rm {name}) or take it over "
                f"(pulumi import {self.token} NAME {name})"
            ) from error
        return Stored(created["Id"], {**inputs, "scope": self._inspect(created["Id"])["Scope"]})

    def _inspect(self, identifier: str) -> Any:
        with self._engine.calling(f"look up the network {identifier}") as client:
            return client.inspect_network(identifier)

    def read(self, identifier: str, inputs: Properties, outputs: Properties) -> Observed | None:
        inspected = found(lambda: self._inspect(identifier))
        if inspected is None:
            return None
        # An id stands for one network for ever, and nothing about a network can change: there is no other drift.
        kept = inputs or _properties(inspected)
        return Observed(inspected["Id"], kept, {**outputs, **kept, "scope": inspected["Scope"]})

    def update(self, change: Change, outputs: Properties, cancelled: Event) -> Properties:  # noqa: ARG002
        """Nothing can change in place; spellings that mean the same are recorded."""
        return self.preview_update(change.new, outputs)

    def delete(self, identifier: str, outputs: Properties) -> None:
        name = outputs.get("name", identifier)

        def remove() -> None:
            try:
                with self._engine.calling(f"remove the network {name}") as client:
                    client.remove_network(identifier)
            except ObjectMissingError:
                return
            except PluginError as error:
                # The Engine answers 403, not 409, while containers are attached.
                if "active endpoints" in str(error):
                    raise ConflictError(f"{error}; disconnect the containers from it") from error
                raise

        remove_when_free(remove)


def _ipam(pools: list[Properties] | None) -> IPAMConfig | None:
    from docker.types import IPAMConfig, IPAMPool  # noqa: PLC0415 - slow to import: only where it is used

    if not pools:
        return None
    return IPAMConfig(
        pool_configs=[
            IPAMPool(subnet=pool.get("subnet"), gateway=pool.get("gateway"), iprange=pool.get("ipRange"))
            for pool in pools
        ]
    )


def _properties(inspected: Any) -> Properties:
    """The inputs that would make this network, those with default values left out."""
    values: Properties = {
        "name": inspected["Name"],
        "driver": inspected["Driver"],
        "internal": inspected["Internal"],
        "attachable": inspected["Attachable"],
        "labels": labels_from_engine(inspected["Labels"]),
        "options": inspected["Options"] or {},
        "ipamConfigs": [
            {
                name: pool[key]
                for name, key in (("subnet", "Subnet"), ("gateway", "Gateway"), ("ipRange", "IPRange"))
                if pool.get(key)
            }
            for pool in inspected["IPAM"].get("Config") or []
        ],
    }
    return {name: value for name, value in values.items() if value or isinstance(value, bool)}
