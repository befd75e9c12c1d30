"""A project of the Kubernetes stacks: everything in its namespace; see ``codeopen.platform.cluster``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pulumi

from codeopen.environment.cluster_settings import ClusterSettings
from codeopen.model.plan.logins import password_value
from codeopen.platform.cluster.objects import Reference, SecretValue
from codeopen.platform.cluster.project_objects import project_objects
from codeopen.platform.cluster.workload.deployment import HOME_CLAIM, ProjectDeployment
from codeopen.platform.cluster.workload.pod import USERNAME
from components.cluster_objects import declare
from provider.resources import Credential, GrantedStorage, GrantedStorageArgs


@dataclass(frozen=True, slots=True)
class ClusterProjectArgs:
    """``image`` is the project's ``repository@sha256:…``, or empty for one that is removed.

    ``registry_login`` is the content of a Docker configuration.
    """

    project: ProjectDeployment
    settings: ClusterSettings
    image: pulumi.Input[str]
    registry_login: pulumi.Input[str] | None = None


class ProjectStack(pulumi.ComponentResource):
    """One workspace on a cluster. Its namespace, claim and base's logins outlive it, and its disk never shrinks."""

    storage_gb: pulumi.Output[int]

    def __init__(self, name: str, args: ClusterProjectArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeopen:kubernetes:ProjectStack", name, {}, opts)
        kept = pulumi.ResourceOptions(parent=self, protect=True)
        resolution = args.project.resolution
        values = {
            # An add-on's login goes with it: were it protected, no run without the add-on could end.
            port.name: Credential(
                f"{name}-{port.name}",
                USERNAME,
                pulumi.ResourceOptions(parent=self, protect=port.name not in resolution.addon_ports),
            ).password.apply(partial(password_value, port.credential, owner=args.project.namespace))
            for port in resolution.ports
        }
        claim = f"{args.project.namespace}/{HOME_CLAIM}"
        cluster = args.settings.kubeconfig, args.settings.context
        asked = GrantedStorageArgs(args.project.id, int(args.project.storage_gb), claim, *cluster)
        storage = GrantedStorage(f"{name}-storage", asked, kept)
        self.storage_gb = storage.gigabytes
        project = replace(args.project, image=Reference("image", ""), storage_gb=storage.gigabytes)

        def value(wanted: SecretValue | Reference) -> Any:
            if isinstance(wanted, Reference):
                return args.image
            if wanted.name.startswith("password:"):
                return values[wanted.name.removeprefix("password:")]
            return pulumi.Output.secret(args.registry_login)

        declare(project_objects(project, args.settings), name, pulumi.ResourceOptions(parent=self), value)
        self.register_outputs({})
