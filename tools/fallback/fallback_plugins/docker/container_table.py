"""The properties of ``docker:index/container:Container`` that the fallback supports.

Names and change behaviour are the official plugin's (schema of pulumi-docker 5.2.0), except where ``differs`` says so.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Final

from fallback_plugins.docker.common import LABELS, nanoseconds
from provider.protocol.properties import Change, Kind, Property
from provider.protocol.values import Value

LIFTED: Final = "taking it away replaces the container: the Engine can't lift a limit in place"
REALLY_UPDATED: Final = "updated in place with effect; the official plugin records the change only. " + LIFTED
NOT_IN_PLACE: Final = "replaces, since the Engine can't change it in place; the official plugin records the change only"


def _cpus(value: Value) -> Value:
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError("must be a number of CPUs such as 1.5") from None
    if not number > 0:
        raise ValueError("must be above 0")
    return number.normalize()


def _base64(value: Value) -> Value:
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ValueError("must be Base64") from None
    return value


def _permissions(value: Value) -> Value:
    if not re.fullmatch("0[0-7]{3}", value):
        raise ValueError("must be four octal digits such as 0640")
    return value


def _gpus(value: Value) -> Value:
    if value != "all" and not value.startswith("device="):
        raise ValueError("must be all, or device= and the devices' ids")
    return value


PORT: Final = MappingProxyType(
    {
        "internal": Property(Kind.INTEGER, required=True),
        "external": Property(Kind.INTEGER),
        "ip": Property(Kind.STRING, default="0.0.0.0"),  # noqa: S104 - the official default, for comparing only
        "protocol": Property(Kind.STRING, default="tcp", allowed=("tcp", "udp", "sctp")),
    }
)
VOLUME: Final = MappingProxyType(
    {
        "volumeName": Property(Kind.STRING),
        "containerPath": Property(Kind.STRING, required=True),
        "hostPath": Property(Kind.STRING),
        "readOnly": Property(Kind.BOOLEAN, default=False),
    }
)
MOUNT: Final = MappingProxyType(
    {
        "target": Property(Kind.STRING, required=True),
        "type": Property(Kind.STRING, required=True, allowed=("bind", "volume", "tmpfs")),
        "source": Property(Kind.STRING),
        "readOnly": Property(Kind.BOOLEAN, default=False),
    }
)
NETWORK: Final = MappingProxyType(
    {
        "name": Property(Kind.STRING, required=True),
        "aliases": Property(Kind.STRING_SET),
        "ipv4Address": Property(Kind.STRING),
    }
)
CAPABILITIES: Final = MappingProxyType({"adds": Property(Kind.STRING_SET), "drops": Property(Kind.STRING_SET)})
HEALTHCHECK: Final = MappingProxyType(
    {
        "tests": Property(Kind.STRINGS, required=True),
        "interval": Property(Kind.STRING, default="0s", canonical=nanoseconds, spelled=True),
        "timeout": Property(Kind.STRING, default="0s", canonical=nanoseconds, spelled=True),
        "startPeriod": Property(Kind.STRING, default="0s", canonical=nanoseconds, spelled=True),
        "retries": Property(Kind.INTEGER, default=0),
    }
)
ULIMIT: Final = MappingProxyType(
    {
        "name": Property(Kind.STRING, required=True),
        "soft": Property(Kind.INTEGER, required=True),
        "hard": Property(Kind.INTEGER, required=True),
    }
)
UPLOAD: Final = MappingProxyType(
    {
        "file": Property(Kind.STRING, required=True),
        "content": Property(Kind.STRING),
        "contentBase64": Property(Kind.STRING, canonical=_base64),
        "executable": Property(Kind.BOOLEAN, default=False),
        "permissions": Property(Kind.STRING, canonical=_permissions),
    }
)
HOST: Final = MappingProxyType(
    {"host": Property(Kind.STRING, required=True), "ip": Property(Kind.STRING, required=True)}
)


def _limit(differs: str = LIFTED) -> Property:
    return Property(Kind.INTEGER, change=Change.UPDATE, lift=Change.REPLACE, differs=differs)


def _plugin_only(kind: Kind, default: Value) -> Property:
    """A property that tells the plugin what to do and isn't part of the container."""
    return Property(kind, change=Change.UPDATE, default=default)


PROCESS: Final[Mapping[str, Property]] = {
    "name": Property(Kind.STRING, required=True),
    "image": Property(Kind.STRING, required=True, differs="pulled without credentials when it isn't there"),
    "command": Property(Kind.STRINGS),
    "entrypoints": Property(Kind.STRINGS),
    "user": Property(Kind.STRING),
    "workingDir": Property(Kind.STRING),
    "hostname": Property(Kind.STRING),
    "domainname": Property(Kind.STRING),
    "envs": Property(Kind.STRING_SET),
    "labels": LABELS,
    "init": Property(Kind.BOOLEAN, default=False, differs=NOT_IN_PLACE),
    "tty": Property(Kind.BOOLEAN, default=False),
    "stdinOpen": Property(Kind.BOOLEAN, default=False),
    "stopSignal": Property(Kind.STRING),
    "stopTimeout": Property(Kind.INTEGER),
    "healthcheck": Property(Kind.OBJECT, fields=HEALTHCHECK, differs=NOT_IN_PLACE),
    "uploads": Property(Kind.OBJECT_SET, fields=UPLOAD),
}
STORAGE_AND_NETWORK: Final[Mapping[str, Property]] = {
    "volumes": Property(Kind.OBJECT_SET, fields=VOLUME),
    "mounts": Property(Kind.OBJECT_SET, fields=MOUNT),
    "tmpfs": Property(Kind.STRING_MAP, differs=NOT_IN_PLACE),
    "readOnly": Property(Kind.BOOLEAN, default=False),
    "ports": Property(Kind.OBJECTS, fields=PORT),
    "networkMode": Property(Kind.STRING, default="bridge"),
    "networksAdvanced": Property(Kind.OBJECT_SET, fields=NETWORK),
    "dns": Property(Kind.STRING_SET),
    "dnsSearches": Property(Kind.STRING_SET),
    "hosts": Property(Kind.OBJECT_SET, fields=HOST),
}
LIMITS_AND_RIGHTS: Final[Mapping[str, Property]] = {
    "memory": _limit(LIFTED + ". Without memorySwap, swap follows at twice the memory, as at creation"),
    "memoryReservation": _limit(),
    "memorySwap": _limit(),
    "cpuShares": _limit(),
    "cpuSet": Property(Kind.STRING, change=Change.UPDATE, lift=Change.REPLACE, differs=LIFTED),
    "cpuPeriod": _limit(REALLY_UPDATED),
    "cpuQuota": _limit(REALLY_UPDATED),
    "cpus": Property(Kind.STRING, canonical=_cpus),
    "shmSize": Property(Kind.INTEGER),
    "ulimits": Property(Kind.OBJECT_SET, fields=ULIMIT),
    "gpus": Property(Kind.STRING, canonical=_gpus),
    "capabilities": Property(Kind.OBJECT, fields=CAPABILITIES),
    "securityOpts": Property(Kind.STRING_SET),
    "privileged": Property(Kind.BOOLEAN, default=False),
    "pidMode": Property(Kind.STRING),
    "ipcMode": Property(Kind.STRING),
    "cgroupParent": Property(Kind.STRING),
    "cgroupnsMode": Property(Kind.STRING, allowed=("private", "host")),
    "groupAdds": Property(Kind.STRING_SET),
    "sysctls": Property(Kind.STRING_MAP),
}
OPERATION: Final[Mapping[str, Property]] = {
    "restart": Property(
        Kind.STRING,
        change=Change.UPDATE,
        default="no",
        allowed=("no", "on-failure", "always", "unless-stopped"),
    ),
    "maxRetryCount": Property(Kind.INTEGER, change=Change.UPDATE, default=0),
    "logDriver": Property(Kind.STRING),
    "logOpts": Property(Kind.STRING_MAP),
    "start": _plugin_only(Kind.BOOLEAN, default=True),
    "mustRun": _plugin_only(Kind.BOOLEAN, default=True),
    "wait": _plugin_only(Kind.BOOLEAN, default=False),
    "waitTimeout": _plugin_only(Kind.INTEGER, default=60),
    "destroyGraceSeconds": _plugin_only(Kind.INTEGER, default=0),
    "removeVolumes": _plugin_only(Kind.BOOLEAN, default=True),
}
CONTAINER: Final[Mapping[str, Property]] = MappingProxyType(
    {**PROCESS, **STORAGE_AND_NETWORK, **LIMITS_AND_RIGHTS, **OPERATION}
)
