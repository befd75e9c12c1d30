"""From an inspected container back to inputs: drift for a refresh, everything for an import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fallback_plugins.docker.common import duration, labels_from_engine, nanoseconds
from fallback_plugins.docker.container_config import MEBIBYTE
from fallback_plugins.docker.container_table import CONTAINER
from provider.protocol.properties import equal
from provider.protocol.values import Properties, Value

_DURATIONS: Final = {"interval": "Interval", "timeout": "Timeout", "startPeriod": "StartPeriod"}


def outputs(inspected: Any, inputs: Properties) -> Properties:
    """The properties that go into the state: the inputs, and what the Engine alone decides."""
    settings = inspected["NetworkSettings"]
    result = {
        **inputs,
        "hostname": inspected["Config"]["Hostname"],
        "networkDatas": [
            {
                "networkName": name,
                "ipAddress": endpoint["IPAddress"],
                "ipPrefixLength": endpoint["IPPrefixLen"],
                "gateway": endpoint["Gateway"],
                "macAddress": endpoint["MacAddress"],
            }
            for name, endpoint in sorted(settings["Networks"].items())
        ],
    }
    if inputs.get("ports"):
        result["ports"] = [_published(port, settings["Ports"] or {}) for port in inputs["ports"]]
    return result


def _published(port: Properties, actual: Mapping[str, Any]) -> Properties:
    """The port with the number that the Engine chose where none was asked for."""
    bindings = actual.get(f"{port['internal']}/{port.get('protocol') or 'tcp'}") or []
    if port.get("external") or not bindings:
        return port
    return {**port, "external": int(bindings[0]["HostPort"])}


def drifted_inputs(inspected: Any, inputs: Properties) -> Properties:
    """The inputs as they are now. Only what can change in a container that keeps its id is looked at."""
    actual = _changeable(inspected, inputs)
    result = dict(inputs)
    for name, value in actual.items():
        asked = name in inputs or name in {"restart", "maxRetryCount"}
        if asked and not equal(CONTAINER[name], inputs.get(name), value):
            result[name] = value
    if inputs.get("healthcheck"):
        result["healthcheck"] = _respelled(inputs["healthcheck"])
    wanted_running = inputs.get("start") is not False and inputs.get("mustRun") is not False
    if wanted_running and not inspected["State"]["Running"]:
        result["mustRun"] = False
    return result


def _respelled(check: Properties) -> Properties:
    """A health check with durations as the official plugin reads them back: any other spelling then shows as drift."""
    return check | {name: duration(nanoseconds(check[name])) for name in _DURATIONS if check.get(name)}


def _changeable(inspected: Any, inputs: Properties) -> Properties:
    host = inspected["HostConfig"]
    return {
        "name": inspected["Name"].lstrip("/"),
        "memory": _mebibytes(host["Memory"]),
        "memoryReservation": _mebibytes(host["MemoryReservation"]),
        "memorySwap": _mebibytes(host["MemorySwap"]),
        "cpuShares": host["CpuShares"] or None,
        "cpuSet": host["CpusetCpus"] or None,
        "cpuPeriod": host["CpuPeriod"] or None,
        "cpuQuota": host["CpuQuota"] or None,
        "restart": host["RestartPolicy"]["Name"] or "no",
        "maxRetryCount": host["RestartPolicy"]["MaximumRetryCount"],
        "networksAdvanced": _attached(inspected, inputs.get("networksAdvanced") or []),
    }


def _mebibytes(size: int) -> int | None:
    return (size // MEBIBYTE if size > 0 else size) or None


def _attached(inspected: Any, asked: Value) -> list[Properties]:
    """The asked-for networks that the container is attached to, and those that it is attached to besides."""
    endpoints = inspected["NetworkSettings"]["Networks"]
    ids = {name: endpoint["NetworkID"] for name, endpoint in endpoints.items()}
    kept = [network for network in asked if network["name"] in ids or network["name"] in ids.values()]
    known = {network["name"] for network in kept}
    return kept + [{"name": name} for name, identifier in sorted(ids.items()) if not known & {name, identifier}]


def imported_inputs(inspected: Any, image: Any) -> Properties:
    """The inputs that would make this container; what comes from its image or is a default is left out."""
    config, host, base = inspected["Config"], inspected["HostConfig"], image["Config"] or {}
    values: Properties = {
        **_changeable(inspected, {}),
        "memorySwap": _unless(_mebibytes(host["MemorySwap"]), _mebibytes(2 * host["Memory"])),
        "networksAdvanced": _imported_networks(inspected),
        "image": config["Image"],
        "command": _unless(config["Cmd"], base.get("Cmd")),
        "entrypoints": _unless(config["Entrypoint"], base.get("Entrypoint")),
        "user": _unless(config["User"], base.get("User")),
        "workingDir": _unless(config["WorkingDir"], base.get("WorkingDir")),
        "hostname": _unless(config["Hostname"], inspected["Id"][:12]),
        "envs": [entry for entry in config["Env"] or [] if entry not in (base.get("Env") or [])],
        "labels": labels_from_engine(
            {
                label: value
                for label, value in (config["Labels"] or {}).items()
                if (base.get("Labels") or {}).get(label) != value
            }
        ),
        "tty": config["Tty"],
        "stdinOpen": config["OpenStdin"],
        "stopSignal": _unless(config.get("StopSignal"), base.get("StopSignal", "SIGTERM")),
        "stopTimeout": config.get("StopTimeout"),
        "healthcheck": _healthcheck(_unless(config.get("Healthcheck"), base.get("Healthcheck"))),
        **_host_inputs(host),
    }
    if set(inspected["NetworkSettings"]["Networks"]) <= {host["NetworkMode"], "bridge"}:
        del values["networksAdvanced"]
    return {name: value for name, value in values.items() if not equal(CONTAINER[name], None, value)}


def _imported_networks(inspected: Any) -> list[Properties]:
    """The networks with their aliases; the Engine itself adds the container's short id to these."""
    endpoints = inspected["NetworkSettings"]["Networks"]
    given = {
        name: [alias for alias in endpoint.get("Aliases") or [] if not inspected["Id"].startswith(alias)]
        for name, endpoint in sorted(endpoints.items())
    }
    return [{"name": name, **({"aliases": aliases} if aliases else {})} for name, aliases in given.items()]


def _unless(value: Value, default: Value) -> Value:
    return None if value == default else value


def _healthcheck(check: Any) -> Properties | None:
    if not check:
        return None
    durations = {name: duration(check[key]) for name, key in _DURATIONS.items() if check.get(key)}
    return {"tests": check["Test"], **durations, "retries": check.get("Retries", 0)}


def _host_inputs(host: Any) -> Properties:
    return {
        "init": bool(host.get("Init")),
        "ports": [
            _port(key, binding)
            for key, bindings in sorted((host["PortBindings"] or {}).items())
            for binding in bindings
        ],
        "volumes": [_volume(bind) for bind in host["Binds"] or []],
        "tmpfs": host.get("Tmpfs"),
        "readOnly": host["ReadonlyRootfs"],
        "networkMode": "bridge" if host["NetworkMode"] == "default" else host["NetworkMode"],
        "privileged": host["Privileged"],
        "securityOpts": host["SecurityOpt"],
        "capabilities": {"adds": host["CapAdd"] or [], "drops": host["CapDrop"] or []}
        if host["CapAdd"] or host["CapDrop"]
        else None,
        "cgroupParent": host["CgroupParent"] or None,
        "pidMode": host["PidMode"] or None,
        "groupAdds": host["GroupAdd"],
        "dns": host["Dns"],
        "logOpts": host["LogConfig"]["Config"],
    }


def _port(key: str, binding: Mapping[str, str]) -> Properties:
    internal, protocol = key.split("/")
    port: Properties = {"internal": int(internal), "protocol": protocol}
    if external := binding["HostPort"]:
        port["external"] = int(external)
    if address := binding["HostIp"]:
        port["ip"] = address
    return port


def _volume(bind: str) -> Properties:
    source, target, *mode = bind.split(":")
    key = "hostPath" if source.startswith("/") else "volumeName"
    return {key: source, "containerPath": target, "readOnly": "ro" in (mode[0].split(",") if mode else [])}
