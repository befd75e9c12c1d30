"""From a container's inputs to what the Engine's API takes (Docker Engine API 1.41, ``/containers/create``)."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from fallback_plugins.docker.common import labels_to_engine, nanoseconds
from provider.protocol.errors import PluginError
from provider.protocol.values import Properties, Value

MEBIBYTE: Final = 1024 * 1024
NANO_CPUS: Final = 10**9

Body = dict[str, Any]


def create_body(inputs: Properties) -> Body:
    """The body of the request that creates this container; what isn't set is left to the Engine."""
    return {**_config(inputs), "HostConfig": _host_config(inputs)}


def _copied(inputs: Properties, names: Mapping[str, str]) -> Body:
    """The inputs that the Engine takes under another name and otherwise as they are."""
    return {engine: inputs[name] for name, engine in names.items() if inputs.get(name) not in (None, "", [], {})}


def _config(inputs: Properties) -> Body:
    body = _copied(
        inputs,
        {
            "image": "Image",
            "command": "Cmd",
            "entrypoints": "Entrypoint",
            "user": "User",
            "workingDir": "WorkingDir",
            "hostname": "Hostname",
            "domainname": "Domainname",
            "envs": "Env",
            "tty": "Tty",
            "stdinOpen": "OpenStdin",
            "stopSignal": "StopSignal",
            "stopTimeout": "StopTimeout",
        },
    )
    body["Labels"] = labels_to_engine(inputs.get("labels"))
    if ports := inputs.get("ports"):
        body["ExposedPorts"] = {_port_key(port): {} for port in ports}
    if volumes := inputs.get("volumes"):
        body["Volumes"] = {volume["containerPath"]: {} for volume in volumes}
    if healthcheck := inputs.get("healthcheck"):
        body["Healthcheck"] = _healthcheck(healthcheck)
    return body


def _healthcheck(healthcheck: Properties) -> Body:
    durations = {"interval": "Interval", "timeout": "Timeout", "startPeriod": "StartPeriod"}
    body: Body = {"Test": healthcheck["tests"], "Retries": healthcheck.get("retries") or 0}
    return body | {engine: nanoseconds(healthcheck.get(name) or "0") for name, engine in durations.items()}


def _port_key(port: Properties) -> str:
    return f"{port['internal']}/{port.get('protocol') or 'tcp'}"


def _host_config(inputs: Properties) -> Body:
    body = _copied(
        inputs,
        {
            "readOnly": "ReadonlyRootfs",
            "tmpfs": "Tmpfs",
            "dns": "Dns",
            "dnsSearches": "DnsSearch",
            "securityOpts": "SecurityOpt",
            "privileged": "Privileged",
            "pidMode": "PidMode",
            "ipcMode": "IpcMode",
            "cgroupParent": "CgroupParent",
            "cgroupnsMode": "CgroupnsMode",
            "groupAdds": "GroupAdd",
            "sysctls": "Sysctls",
        },
    )
    body["NetworkMode"] = inputs.get("networkMode") or "bridge"
    body["Init"] = bool(inputs.get("init"))
    body["RestartPolicy"] = restart_policy(inputs)
    body["LogConfig"] = {"Type": inputs.get("logDriver") or "", "Config": inputs.get("logOpts") or {}}
    body |= limits(inputs) | _port_bindings(inputs) | _storage(inputs) | _rights(inputs)
    if cpus := inputs.get("cpus"):
        body["NanoCpus"] = int(Decimal(cpus) * NANO_CPUS)
    if shm_size := inputs.get("shmSize"):
        body["ShmSize"] = shm_size * MEBIBYTE
    return body


def limits(inputs: Properties) -> Body:
    """The limits that the Engine can also change in place (``/containers/{id}/update``); sizes in bytes."""
    body = _copied(inputs, {"cpuShares": "CpuShares", "cpuSet": "CpusetCpus"})
    if not inputs.get("cpus"):  # it takes precedence over the other two
        body |= _copied(inputs, {"cpuPeriod": "CpuPeriod", "cpuQuota": "CpuQuota"})
    for name, engine in (
        ("memory", "Memory"),
        ("memoryReservation", "MemoryReservation"),
        ("memorySwap", "MemorySwap"),
    ):
        if value := inputs.get(name):
            body[engine] = value * MEBIBYTE if value > 0 else value
    return body


def update_arguments(inputs: Properties) -> Body:
    """The arguments of the call that changes a container in place."""
    body = limits(inputs)
    if "Memory" in body and "MemorySwap" not in body:
        # The Engine's own rule at creation. Without it, raising the memory above the old swap limit is refused.
        body["MemorySwap"] = 2 * body["Memory"]
    names = {
        "CpuShares": "cpu_shares",
        "CpusetCpus": "cpuset_cpus",
        "CpuPeriod": "cpu_period",
        "CpuQuota": "cpu_quota",
        "Memory": "mem_limit",
        "MemoryReservation": "mem_reservation",
        "MemorySwap": "memswap_limit",
    }
    return {**{names[name]: value for name, value in body.items()}, "restart_policy": restart_policy(inputs)}


def restart_policy(inputs: Properties) -> Body:
    return {"Name": inputs.get("restart") or "no", "MaximumRetryCount": inputs.get("maxRetryCount") or 0}


def _port_bindings(inputs: Properties) -> Body:
    bindings: dict[str, list[Body]] = {}
    for port in inputs.get("ports") or []:
        binding = {"HostIp": port.get("ip") or "", "HostPort": str(port.get("external") or "")}
        bindings.setdefault(_port_key(port), []).append(binding)
    return {"PortBindings": bindings} if bindings else {}


def _storage(inputs: Properties) -> Body:
    body: Body = {}
    binds = [
        f"{volume.get('hostPath') or volume.get('volumeName')}:{volume['containerPath']}"
        f":{'ro' if volume.get('readOnly') else 'rw'}"
        for volume in inputs.get("volumes") or []
        if volume.get("hostPath") or volume.get("volumeName")
    ]
    if binds:
        body["Binds"] = binds
    if mounts := inputs.get("mounts"):
        names = {"target": "Target", "type": "Type", "source": "Source", "readOnly": "ReadOnly"}
        body["Mounts"] = [_copied(mount, names) for mount in mounts]
    return body


def _rights(inputs: Properties) -> Body:
    body = _copied(inputs.get("capabilities") or {}, {"adds": "CapAdd", "drops": "CapDrop"})
    if ulimits := inputs.get("ulimits"):
        body["Ulimits"] = [{"Name": item["name"], "Soft": item["soft"], "Hard": item["hard"]} for item in ulimits]
    if hosts := inputs.get("hosts"):
        body["ExtraHosts"] = [f"{item['host']}:{item['ip']}" for item in hosts]
    if gpus := inputs.get("gpus"):
        body["DeviceRequests"] = [_gpu_request(gpus)]
    return body


def _gpu_request(gpus: str) -> Body:
    wanted: Body = {"Count": -1} if gpus == "all" else {"DeviceIDs": gpus.removeprefix("device=").split(",")}
    return {"Driver": "", "Capabilities": [["gpu"]], **wanted}


def archive_of(uploads: Value) -> bytes:
    """The uploads as one tar archive that is unpacked over the container's root.

    Raises PluginError for one without content, or with two.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for upload in uploads:
            content = _content(upload)
            member = tarfile.TarInfo(str(upload["file"]).lstrip("/"))
            member.size = len(content)
            member.mode = _mode(upload)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _content(upload: Properties) -> bytes:
    text, encoded = upload.get("content"), upload.get("contentBase64")
    if bool(text) == bool(encoded):
        raise PluginError(f"the upload {upload['file']} needs either content or contentBase64")
    return str(text).encode() if text else base64.b64decode(str(encoded))


def _mode(upload: Properties) -> int:
    if permissions := upload.get("permissions"):
        return int(permissions, 8)
    return 0o744 if upload.get("executable") else 0o644
