"""Which change of which property replaces, against the official schema's behaviour."""

from __future__ import annotations

import re
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

import pytest

from fallback_plugins.docker.engine import Engine
from fallback_plugins.docker.plugin import VERSION, resource_types
from provider.protocol.properties import Change

OFFICIAL_UPDATES: Final = {
    "docker:index/network:Network": set[str](),
    "docker:index/volume:Volume": set[str](),
    "docker:index/remoteImage:RemoteImage": {"keepLocally", "forceRemove"},
    "docker:index/container:Container": {
        "memory", "memoryReservation", "memorySwap", "cpuShares", "cpuSet", "cpuPeriod", "cpuQuota", "restart",
        "maxRetryCount", "start", "mustRun", "wait", "waitTimeout", "destroyGraceSeconds", "removeVolumes",
        "init", "healthcheck", "tmpfs",
    },
}  # fmt: skip
"""What the official schema doesn't mark as replacing, of the properties that the fallback supports."""

REPLACED_HERE: Final = {"init", "healthcheck", "tmpfs"}
"""Where the official plugin records a change without effect: the reference page says so."""

TYPES: Final = {resource_type.token: resource_type for resource_type in resource_types(Engine())}
MODULES: Final = {
    "docker:index/network:Network": "network.py",
    "docker:index/volume:Volume": "volume.py",
    "docker:index/container:Container": "container.py",
    "docker:index/remoteImage:RemoteImage": "remote_image.py",
}


@pytest.mark.parametrize("token", sorted(TYPES))
def test_a_change_replaces_or_updates_as_in_the_official_plugin(token: str) -> None:
    updates = {name for name, prop in TYPES[token].table.items() if prop.change is Change.UPDATE}
    assert updates == OFFICIAL_UPDATES[token] - REPLACED_HERE


def test_every_difference_in_what_a_change_does_is_told_to_readers() -> None:
    table = TYPES["docker:index/container:Container"].table
    assert all(table[name].differs for name in REPLACED_HERE)
    assert all(prop.differs for prop in table.values() if prop.lift is not None)


@pytest.mark.parametrize("token", sorted(TYPES))
def test_every_property_exists_in_the_official_sdk(token: str) -> None:
    text = _sdk_source(MODULES[token])
    official = set(re.findall(r'@pulumi\.getter\(name="(\w+)"\)', text))
    official |= set(re.findall(r"@pulumi\.getter\n\s+def (\w+)", text))
    assert set(TYPES[token].table) | set(TYPES[token].computed) <= official


@pytest.mark.parametrize("token", sorted(TYPES))
def test_every_field_exists_in_the_official_sdk(token: str) -> None:
    text = _sdk_source("_inputs.py")
    official = set(re.findall(r'@pulumi\.getter\(name="(\w+)"\)', text))
    official |= set(re.findall(r"@pulumi\.getter\n\s+def (\w+)", text))
    fields = {field for prop in TYPES[token].table.values() for field in prop.fields}
    assert fields <= official


def test_the_fallback_has_the_version_of_the_sdk_in_use() -> None:
    assert distribution("pulumi-docker").version == VERSION


def _sdk_source(name: str) -> str:
    return Path(str(distribution("pulumi-docker").locate_file(f"pulumi_docker/{name}"))).read_text(encoding="utf-8")
