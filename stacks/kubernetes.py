"""The programs of stacks on Kubernetes: the platform of a cluster with its declared projects, and one project alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s

from codeopen.environment.cluster_settings import ClusterSettings, RegistryKind
from codeopen.environment.settings import LoneProject, Settings, plan_request
from codeopen.environment.stack_contents import StackContents, choose_contents
from codeopen.errors import SettingsError
from codeopen.model.catalog.model import Catalog
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.context import read_contexts
from codeopen.model.plan.parts import PartKind, list_builds
from codeopen.model.plan.plan import make_plan
from codeopen.model.plan.projects import PlannedProject, State, plan_projects, with_workloads
from codeopen.platform.cluster.gpu.managed import check_managed
from codeopen.platform.cluster.gpu.pools import check_pools
from codeopen.platform.cluster.node_pools import pool_demands, scratch_of
from codeopen.platform.cluster.objects import Object, Reference, SecretValue
from codeopen.platform.cluster.stack_objects import platform_of
from codeopen.platform.cluster.workload.deployment import ProjectDeployment, short_name
from codeopen.platform.cluster.workload.placement import deployment_of
from codeopen.platform.cluster.workload.pod import hosts
from components.cluster_objects import declare_each
from components.cluster_project import ClusterProjectArgs, ProjectStack
from components.cluster_registry import declare_registry, platform_secrets
from components.gpu_node_pool import GpuNodePool, GpuNodePoolArgs
from provider.resources import PublishedImage

LOGIN: Final = "registry-login"
REGISTRY_LOGIN: Final = "CODEOPEN_REGISTRY_LOGIN"
"""The variable that gives the registry's login (a Docker configuration) where the stack's secret doesn't."""

_BINDING: Final = frozenset(
    {
        "PriorityClass",
        "RuntimeClass",
        "Middleware",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
)
"""Kinds of the platform's objects that must be there before the first project's are."""


@dataclass(frozen=True, slots=True)
class PlannedImage:
    """An image that was built elsewhere: its ``host/repository`` and plan digest, and its resource's name."""

    repository: str
    plan_digest: str
    resource: str


class Cluster:
    """One cluster that a program declares things in: the provider, images, each looked up once, and what binds all."""

    def __init__(self, settings: ClusterSettings, images: Mapping[str, PlannedImage]) -> None:
        self.settings = settings
        # The plugin reads it as well. Read here, it would become an input of the provider, and a run that took over
        # what an interrupted one had made would leave a change for the next.
        os.environ.pop("PULUMI_K8S_UPSERT_EXISTING_OBJECTS", None)
        self.provider = k8s.Provider(
            "cluster",
            kubeconfig=settings.kubeconfig or None,
            context=settings.context or None,
            # Without it, a cluster's new address would count as another cluster, and replace everything there is.
            cluster_identifier=settings.context or "codeopen",
            # Without these, a new password replaces the Secret, and a pod that starts meanwhile fails.
            enable_secret_mutable=True,
            enable_config_map_mutable=True,
        )
        self._images = images
        self._found: dict[str, pulumi.Output[str]] = {}
        self._before_images: list[pulumi.Resource] = []
        self._binding: list[pulumi.Resource] = []
        login = os.environ.get(REGISTRY_LOGIN)
        given = pulumi.Output.secret(login) if login else None
        self.login = pulumi.Config("codeopen").get_secret("registryLogin") or given

    @property
    def options(self) -> pulumi.ResourceOptions:
        """For components: what they declare goes to this cluster."""
        return pulumi.ResourceOptions(providers={"kubernetes": self.provider})

    def image(self, name: str) -> pulumi.Output[str]:
        """The ``repository@digest`` of an image of the plan, as ``js-code``."""
        if name not in self._found:
            planned = self._images[name]
            after = pulumi.ResourceOptions(depends_on=list(self._before_images))
            self._found[name] = PublishedImage(planned.resource, planned.repository, planned.plan_digest, after).ref
        return self._found[name]

    def project(
        self, planned: PlannedProject, deployment: ProjectDeployment, pool: pulumi.Resource | None = None
    ) -> dict[str, Any]:
        """Declare a project, after what binds it and the GPU pool that it is in; returns what its stack says of it.

        For one that is removed no image is looked up.
        """
        image = "" if deployment.state is State.REMOVED else deployment.image
        reference: pulumi.Input[str] = self.image(image.name) if isinstance(image, Reference) else image
        if self.settings.registry.pull_secret and self.login is None:
            raise SettingsError(
                "codeopen:registryLogin is not set, and codeopen:cluster.registry.pullSecret asks for it; give it by "
                f"`pulumi config set --secret codeopen:registryLogin`, or in the variable {REGISTRY_LOGIN}"
            )
        args = ClusterProjectArgs(deployment, self.settings, reference, self.login)
        after = pulumi.ResourceOptions(depends_on=[*self._binding, *([pool] if pool else [])])
        stack = ProjectStack(f"project-{planned.id}", args, pulumi.ResourceOptions.merge(self.options, after))
        return describe(planned, deployment, self.settings) | {"reference": reference, "storage_gb": stack.storage_gb}

    def platform(self, objects: Sequence[Object], repositories: Sequence[str]) -> None:
        """Declare what the cluster has for all projects. Raises SettingsError for secrets that aren't there."""
        config = pulumi.Config("codeopen")
        secrets = platform_secrets(objects, config)
        access = declare_registry(self.settings.registry, repositories, self.login, self.options)

        def value(wanted: SecretValue | Reference) -> Any:
            if isinstance(wanted, Reference):
                return self.image(wanted.name)
            return access.login if wanted.name == LOGIN else secrets[wanted.name]

        in_cluster = self.settings.registry.kind is RegistryKind.IN_CLUSTER
        for each, resource in declare_each(objects, "platform", self.options, value):
            if each.kind in _BINDING:
                self._binding.append(resource)
            # Images are looked up in the cluster's registry when it is there, and who could build them: a first run
            # that finds none leaves both working. What runs images itself comes after them.
            if in_cluster and not self._found:
                self._before_images.append(resource)


def describe(planned: PlannedProject, deployment: ProjectDeployment, settings: ClusterSettings) -> dict[str, Any]:
    """A project as its stack's outputs tell it; ``declared`` is what it can be declared by again."""
    resolution, project = planned.resolution, planned.project
    routes = {} if deployment.state is State.REMOVED else hosts(deployment, settings)
    return {
        "namespace": deployment.namespace,
        "image": str(resolution.image),
        "state": deployment.state.value,
        "cpu": str(resolution.resources.cpu),
        "memory": str(resolution.resources.memory),
        "gpus": resolution.resources.gpus,
        "monthly_price_cents": resolution.monthly_price_cents,
        "credentials": {port.name: port.credential for port in resolution.ports},
        "urls": {name: f"https://{host}" for name, host in routes.items()},
        "declared": {
            "id": project.id,
            "tier": project.selection.tier,
            "flavor": project.selection.flavor,
            "addons": list(project.selection.addons),
            "name": project.name,
            "owner": project.owner,
            "state": deployment.state.value,
            **({"image": project.image} if project.image else {}),
        },
    }


def run_on_cluster(settings: Settings, cluster: ClusterSettings, checkout: Path) -> None:
    """Declare one project where the stack is a project's, else the platform and the projects that it lists.

    Raises CodeOpenError for a mistake in the stack's configuration.
    """
    catalog = read_catalog(settings.catalog)
    if settings.alone is not None:
        _run_project(settings, cluster, catalog, settings.alone)
        return
    plan = make_plan(catalog, read_contexts(checkout, list_builds(catalog)), plan_request(settings))
    projects = plan_projects(catalog, settings.projects, settings.release, settings.platforms[0], None)
    wanted = choose_contents(catalog, settings, plan, with_workloads(projects))
    images = _planned_images(settings, wanted)
    pools = check_pools(cluster.gpu_pools, catalog.gpus)
    check_managed(pools, cluster.cloud)
    demands = pool_demands((each for each in projects if each.project.runs), pools, scratch_of(cluster))
    deployments = [(each, deployment_of(each, pools)) for each in projects]
    there = Cluster(cluster, images)
    repositories = sorted({image.repository.partition("/")[2] for image in images.values()})
    there.platform(platform_of(cluster, catalog, plan, wanted.combinations, pools), repositories)
    nodes = {
        pool.name: GpuNodePool(
            f"gpu-{pool.name}", GpuNodePoolArgs(pool, demands[pool.name], cluster.cloud), there.options
        )
        for pool in pools
    }
    described = {
        each.id: there.project(each, deployment, nodes[deployment.gpu.pool] if deployment.gpu else None)
        for each, deployment in deployments
    }
    pulumi.export("projects", described)


def _run_project(settings: Settings, cluster: ClusterSettings, catalog: Catalog, alone: LoneProject) -> None:
    (planned,) = plan_projects(catalog, [alone.project], settings.release, settings.platforms[0], None)
    image = planned.resolution.image
    # One name whatever the image: another selection updates it in place.
    looked_up = PlannedImage(str(image).rpartition(":")[0], alone.plan_digest, "image")
    there = Cluster(cluster, {short_name(image): looked_up})
    pools = check_pools(cluster.gpu_pools, catalog.gpus)
    pulumi.export("project", there.project(planned, deployment_of(planned, pools)))


def _planned_images(settings: Settings, wanted: StackContents) -> dict[str, PlannedImage]:
    """All images of the stack by their short names, on its first platform."""
    platform = settings.platforms[0]
    found = {
        part.id: PlannedImage(planned.reference.rpartition(":")[0], planned.digests[platform], f"image-{part.id}")
        for part, planned in wanted.parts.items()
        if part.kind in {PartKind.FLAVOR, PartKind.BASE}
    }
    for each in wanted.combinations:
        repository = str(each.image).rpartition(":")[0]
        found[short_name(each.image)] = PlannedImage(
            repository, each.digests[platform], f"image-{short_name(each.image)}"
        )
    return found
