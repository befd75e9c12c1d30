"""The files of an in-cluster registry: the configuration of distribution 3, and the script that runs and tidies it.

Sources: docs of distribution, "Configuring a registry", "Garbage collection", "Storage drivers".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from codeopen.environment.cluster_settings import ObjectStoreSettings, RegistrySettings, StoreKind
from codeopen.errors import SettingsError

PORT: Final = 5000
DATA: Final = "/var/lib/registry"
CERTIFICATES: Final = "/etc/codeopen/registry/tls"
USERS: Final = "/etc/codeopen/registry/users"
CONFIG: Final = "/etc/codeopen/registry/config"
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)

# Nobody writes while the collector runs, so nothing that it frees can have come into use; nodes go on pulling. The new
# start afterwards is needed: the registry remembers blobs, and would not take one again that was freed. It also reads
# a renewed certificate.
_SERVE: Final = """\
#!/bin/sh
# Runs the registry. Every day at second MAINTAIN_SECOND (UTC) it starts anew; with COLLECT=yes it is read-only before
# that, until what no manifest names is freed.
folder=${CONFIG_FOLDER:-/etc/codeopen/registry/config}
server= collector=

finish() {
  trap - TERM INT
  for process in $collector $server; do kill -TERM "$process" 2>/dev/null; done
  wait
  exit 0
}
trap finish TERM INT

start() {
  registry serve "$folder/$1" &
  server=$!
}

stop() {
  kill -TERM "$server" 2>/dev/null
  wait "$server"
}

while :; do
  now=$(date -u +%s)
  until=$((now - now % 86400 + MAINTAIN_SECOND))
  [ "$until" -gt "$now" ] || until=$((until + 86400))
  start config.yml
  while [ "$(date -u +%s)" -lt "$until" ]; do
    sleep 1 &
    wait $!
    kill -0 "$server" 2>/dev/null || { wait "$server"; exit 1; }
  done
  stop
  [ "$COLLECT" = yes ] || continue
  start read-only.yml
  registry garbage-collect "$folder/config.yml" >/dev/null &
  collector=$!
  wait "$collector" && echo "collected" || echo "the collector failed" >&2
  collector=
  stop
done
"""


def registry_files(settings: RegistrySettings) -> Mapping[str, str]:
    """The files of the registry's ConfigMap by name."""
    return {
        "config.yml": _render(_configuration(settings, read_only=False)),
        "read-only.yml": _render(_configuration(settings, read_only=True)),
        "serve.sh": _SERVE,
    }


def maintenance_second(settings: RegistrySettings) -> int:
    """The second of the day when maintenance begins. Raises SettingsError."""
    match = _TIME.fullmatch(settings.maintain_at)
    if match is None:
        raise SettingsError(
            f"codeopen:cluster.registry.maintainAt: {settings.maintain_at!r} is no time of day; write it as 03:30"
        )
    return int(match[1]) * 3600 + int(match[2]) * 60


def _configuration(settings: RegistrySettings, *, read_only: bool) -> dict[str, Any]:
    maintenance: dict[str, Any] = {
        "uploadpurging": {"enabled": not read_only, "age": "168h", "interval": "24h", "dryrun": False}
    }
    if read_only:
        maintenance["readonly"] = {"enabled": True}
    return {
        "version": 0.1,
        "log": {"level": "info", "formatter": "json", "accesslog": {"disabled": True}},
        "http": {
            "addr": f":{PORT}",
            "draintimeout": "20s",
            "headers": {"X-Content-Type-Options": ["nosniff"]},
            "tls": {
                "certificate": f"{CERTIFICATES}/tls.crt",
                "key": f"{CERTIFICATES}/tls.key",
                "minimumtls": "tls1.2",
            },
        },
        "auth": {"htpasswd": {"realm": "codeopen", "path": f"{USERS}/htpasswd"}},
        "storage": {
            **_store(settings.store),
            "delete": {"enabled": True},
            "cache": {"blobdescriptor": "inmemory"},
            "redirect": {"disable": not (settings.store and settings.store.redirect)},
            "maintenance": maintenance,
        },
        # Without its storage the registry answers 503 to everything, and isn't ready.
        "health": {"storagedriver": {"enabled": True, "interval": "10s", "threshold": 3}},
    }


def _store(store: ObjectStoreSettings | None) -> dict[str, Any]:
    """The storage driver. None has keys: what it may do comes from the service account's identity."""
    if store is None:
        return {"filesystem": {"rootdirectory": DATA}}
    folder = {"rootdirectory": store.folder} if store.folder else {}
    if store.kind is StoreKind.GCS:
        return {"gcs": {"bucket": store.bucket, **folder}}
    if store.kind is StoreKind.AZURE:
        if not store.account:
            raise SettingsError("codeopen:cluster.registry.store.account is missing; write the storage account's name")
        credentials = {"type": "default_credentials"}
        return {
            "azure": {"accountname": store.account, "container": store.bucket, "credentials": credentials, **folder}
        }
    if not store.region:
        raise SettingsError("codeopen:cluster.registry.store.region is missing; write the bucket's region")
    endpoint = {"regionendpoint": store.endpoint, "forcepathstyle": True} if store.endpoint else {}
    return {"s3": {"bucket": store.bucket, "region": store.region, "encrypt": True, **endpoint, **folder}}


def _render(configuration: Mapping[str, Any]) -> str:
    return yaml.safe_dump(configuration, sort_keys=False, width=120)
