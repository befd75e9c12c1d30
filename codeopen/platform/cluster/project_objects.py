"""All that a project has on a cluster, in the order in which it is made."""

from __future__ import annotations

from codeopen.environment.cluster_settings import ClusterSettings
from codeopen.model.plan.projects import State
from codeopen.platform.cluster.access.isolation import (
    limit_range,
    namespace,
    network_policies,
    resource_quota,
    service_account,
)
from codeopen.platform.cluster.objects import Object
from codeopen.platform.cluster.registry.workload import pull_secret
from codeopen.platform.cluster.workload.deployment import ProjectDeployment
from codeopen.platform.cluster.workload.pod import claim, credentials, disruption_budget, ingress, service, stateful_set


def project_objects(project: ProjectDeployment, settings: ClusterSettings) -> tuple[Object, ...]:
    """Every object of a project. The namespace comes first, and policies come before the pod that they bind.

    One that is removed has its namespace still, bound as before, with the claim in it.
    """
    workload = () if project.state is State.REMOVED else _workload(project, settings)
    return (
        namespace(project),
        resource_quota(project, settings.scratch),
        limit_range(project, settings.scratch),
        *network_policies(project, settings),
        claim(project, settings),
        *workload,
    )


def _workload(project: ProjectDeployment, settings: ClusterSettings) -> tuple[Object, ...]:
    return (
        service_account(project),
        *_login(project, settings),
        *project.seats,
        credentials(project),
        service(project),
        disruption_budget(project),
        stateful_set(project, settings),
        *ingress(project, settings),
    )


def _login(project: ProjectDeployment, settings: ClusterSettings) -> tuple[Object, ...]:
    name = settings.registry.pull_secret
    return (pull_secret(project.namespace, name),) if name else ()
