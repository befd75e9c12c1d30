"""A project on the local Docker Engine: its network, its volume, a credential for each port, and its container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import pulumi
import pulumi_docker as docker

from codeopen.model.plan.logins import password_value, password_variable
from codeopen.model.plan.projects import PlannedProject
from provider.resources import Credential, ProcessLimit

CPU_PERIOD_MICROSECONDS = 100_000
MEBIBYTE = 1 << 20
HOME = "/home/developer"
USERNAME = "opencode"
START_SECONDS = 120


@dataclass(frozen=True, slots=True)
class ProjectStackArgs:
    """``image`` is the project's image as ``repository@digest``; ``stack`` prefixes the names in the Engine."""

    stack: str
    project: PlannedProject
    image: pulumi.Input[str]
    process_limit: int


class ProjectStack(pulumi.ComponentResource):
    """One container with the computed resources. The volume and the credentials outlive it.

    The volume is the user's home: the workspace and, beside it, OpenCode's sessions. The image keeps nothing there.
    """

    def __init__(self, name: str, args: ProjectStackArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeopen:local:ProjectStack", name, {}, opts)
        self._engine_name = f"codeopen-{args.stack}-{args.project.id}"
        self._labels = {"codeopen.stack": args.stack, "codeopen.project": args.project.id}
        resolution = args.project.resolution
        self._credentials = {
            # An add-on's login goes with it: were it protected, no run without the add-on could end.
            port: Credential(
                f"{name}-{port.name}",
                USERNAME,
                pulumi.ResourceOptions(parent=self, protect=port.name not in resolution.addon_ports),
            )
            for port in resolution.ports
        }
        self.container = self._run(name, args)
        child = pulumi.ResourceOptions(parent=self)
        ProcessLimit(f"{name}-processes", self.container.id, args.process_limit, child)
        self.register_outputs({})

    def _run(self, name: str, args: ProjectStackArgs) -> docker.Container:
        child = pulumi.ResourceOptions(parent=self)
        image = docker.RemoteImage(f"{name}-image", name=args.image, keep_locally=True, opts=child)
        network = docker.Network(
            f"{name}-network",
            name=self._engine_name,
            driver="bridge",
            labels=[docker.NetworkLabelArgs(label=key, value=value) for key, value in self._labels.items()],
            opts=child,
        )
        volume = docker.Volume(
            f"{name}-home",
            name=f"{self._engine_name}-home",
            labels=[docker.VolumeLabelArgs(label=key, value=value) for key, value in self._labels.items()],
            opts=pulumi.ResourceOptions(parent=self, protect=True),
        )
        resources = args.project.resolution.resources
        memory = _mebibytes(resources.memory.bytes)
        return docker.Container(
            f"{name}-container",
            name=self._engine_name,
            image=image.image_id,
            hostname=args.project.id,
            envs=self._environment(args.project.resolution.env),
            # A quota, not `cpus`: the Engine refuses more `cpus` than the machine has.
            cpu_period=CPU_PERIOD_MICROSECONDS,
            cpu_quota=resources.cpu.millicores * CPU_PERIOD_MICROSECONDS // 1000,
            memory=memory,
            memory_swap=memory,
            memory_reservation=_mebibytes(resources.memory_reservation.bytes),
            capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"]),
            security_opts=["no-new-privileges"],
            networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network.name)],
            ports=_ports(args.project),
            volumes=[docker.ContainerVolumeArgs(volume_name=volume.name, container_path=HOME)],
            healthcheck=docker.ContainerHealthcheckArgs(
                tests=["CMD", "/usr/local/bin/codeopen-health"],
                interval=_duration(5),
                timeout=_duration(10),
                start_period=_duration(60),
                retries=3,
            ),
            wait=True,
            wait_timeout=START_SECONDS,
            restart="unless-stopped",
            # A turn that runs may take 30 s (the gateway's ACP_GATEWAY_DRAIN_SECONDS), the rest 5 s.
            destroy_grace_seconds=40,
            log_driver="json-file",
            log_opts={"max-size": "10m", "max-file": "3"},
            labels=[docker.ContainerLabelArgs(label=key, value=value) for key, value in self._labels.items()],
            # The name and the ports are fixed, so the old container must go first. The official provider takes a new
            # quota into its state without telling the Engine (its update leaves CPU quotas out), hence the replacement.
            opts=pulumi.ResourceOptions(
                parent=self, delete_before_replace=True, replace_on_changes=["cpuPeriod", "cpuQuota"]
            ),
        )

    def _environment(self, env: Mapping[str, str]) -> list[pulumi.Input[str]]:
        values: list[pulumi.Input[str]] = [f"{key}={value}" for key, value in sorted(env.items())]
        for port, credential in self._credentials.items():
            values.append(f"{port.credential}_USERNAME={USERNAME}")
            value = credential.password.apply(partial(password_value, port.credential, owner=self._engine_name))
            values.append(pulumi.Output.concat(f"{password_variable(port.credential)}=", value))
        return values


def _ports(project: PlannedProject) -> list[docker.ContainerPortArgs]:
    return [
        docker.ContainerPortArgs(internal=port.port, external=project.host_ports[port.name], ip="127.0.0.1")
        for port in project.resolution.ports
    ]


def _duration(seconds: int) -> str:
    """As Go prints it: the official provider reads a duration back so, and takes ``60s`` for a change of ``1m0s``.

    Source: Go, ``time.Duration.String``.
    """
    hours, rest = divmod(seconds, 3600)
    text = f"{rest // 60}m{rest % 60}s" if seconds >= 60 else f"{seconds}s"  # noqa: PLR2004 - seconds of a minute
    return f"{hours}h{text}" if hours else text


def _mebibytes(size: int) -> int:
    """Docker's provider takes whole mebibytes; a part of one counts as one."""
    return -(-size // MEBIBYTE)
