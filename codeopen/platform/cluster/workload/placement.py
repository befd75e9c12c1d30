"""A planned project as it is to run on a cluster: in which GPU pool, and with which of its seats."""

from __future__ import annotations

from collections.abc import Iterable

from codeopen.model.plan.projects import PlannedProject, State
from codeopen.platform.cluster.gpu.pools import CheckedPool, choose_pool, gpu_scheduling
from codeopen.platform.cluster.gpu.seats import seat_objects
from codeopen.platform.cluster.objects import Reference
from codeopen.platform.cluster.workload.deployment import ProjectDeployment, short_name


def deployment_of(planned: PlannedProject, pools: Iterable[CheckedPool] = ()) -> ProjectDeployment:
    """The deployment of a project. Its image is the one that it pins, or else one to be looked up by its plan.

    A project that hibernates gives its seats back; one that is removed needs no pool. Raises CapacityError where none
    is open to it.
    """
    project, image = planned.project, planned.resolution.image
    gpus = planned.resolution.resources.gpus
    removed = project.state is State.REMOVED
    pool = choose_pool(pools, project.owner, gpus) if gpus and not removed else None
    return ProjectDeployment(
        id=planned.id,
        display_name=project.name or planned.id,
        resolution=planned.resolution,
        image=project.image or Reference(short_name(image), str(image)),
        storage_gb=planned.resolution.resources.storage_gb,
        state=project.state,
        owner=project.owner,
        gpu=gpu_scheduling(pool, gpus) if pool else None,
        seats=seat_objects(pool, planned.id, gpus) if pool and project.runs else (),
        platform=planned.platform,
    )
