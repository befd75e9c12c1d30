"""The registry of a machine: an OCI registry on the loopback address of the Docker Engine."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

REGISTRY_PORT = 5000


@dataclass(frozen=True, slots=True)
class LocalRegistryArgs:
    """``image`` is the registry's image, ``port`` its port on the loopback address, ``stack`` a prefix for names."""

    stack: str
    image: str
    port: int


class LocalRegistry(pulumi.ComponentResource):
    """A registry container, and the volume with its images, which outlives it."""

    def __init__(self, name: str, args: LocalRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeopen:local:Registry", name, {}, opts)
        engine_name = f"codeopen-{args.stack}-registry"
        labels = [docker.ContainerLabelArgs(label="codeopen.stack", value=args.stack)]
        image = docker.RemoteImage(
            f"{name}-image", name=args.image, keep_locally=True, opts=pulumi.ResourceOptions(parent=self)
        )
        volume = docker.Volume(
            f"{name}-images",
            name=engine_name,
            labels=[docker.VolumeLabelArgs(label="codeopen.stack", value=args.stack)],
            opts=pulumi.ResourceOptions(parent=self, protect=True),
        )
        self.container = docker.Container(
            f"{name}-container",
            name=engine_name,
            image=image.image_id,
            restart="unless-stopped",
            ports=[docker.ContainerPortArgs(internal=REGISTRY_PORT, external=args.port, ip="127.0.0.1")],
            volumes=[docker.ContainerVolumeArgs(volume_name=volume.name, container_path="/var/lib/registry")],
            capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"]),
            security_opts=["no-new-privileges"],
            labels=labels,
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.register_outputs({})
