"""A planned project as it is to run on a cluster: in which GPU pool, and with which of its seats."""

from __future__ import annotations

from collections.abc import Iterable

from codeopen.cluster.deployment import ProjectDeployment, State, short_name
from codeopen.cluster.gpu_pools import CheckedPool, choose_pool, gpu_scheduling
from codeopen.cluster.gpu_seats import seat_objects
from codeopen.cluster.objects import Reference
from codeopen.plan.projects import PlannedProject


def deployment_of(planned: PlannedProject, pools: Iterable[CheckedPool] = ()) -> ProjectDeployment:
    """The deployment of a project. Its image is the one that it pins, or else one to be looked up by its plan.

    A project that hibernates gives its seats back. Raises CapacityError where no pool is open to it.
    """
    project, image = planned.project, planned.resolution.image
    gpus = planned.resolution.resources.gpus
    pool = choose_pool(pools, project.owner, gpus) if gpus else None
    return ProjectDeployment(
        id=planned.id,
        display_name=project.name or planned.id,
        resolution=planned.resolution,
        image=project.image or Reference(short_name(image), str(image)),
        storage_gb=planned.resolution.resources.storage_gb,
        state=State.HIBERNATED if project.hibernated else State.RUNNING,
        owner=project.owner,
        gpu=gpu_scheduling(pool, gpus) if pool else None,
        seats=seat_objects(pool, planned.id, gpus) if pool and not project.hibernated else (),
        platform=planned.platform,
    )
