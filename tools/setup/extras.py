"""What set-up may prepare beside what the machine itself needs: for tests that not everyone runs."""

from __future__ import annotations

from enum import StrEnum

import cluster_tools
import image_tests
import mirror
from cluster_tools import Cluster
from machine import Machine
from paths import Paths
from steps import Step


class Extra(StrEnum):
    """What more is wanted: a control plane, all of a cluster for `make cluster`, or what `make images` looks with."""

    CLUSTER = "cluster"
    CLUSTER_FULL = "cluster-full"
    IMAGES = "images"


_CLUSTERS = {Extra.CLUSTER: Cluster.LIGHT, Extra.CLUSTER_FULL: Cluster.FULL}


def programs(extra: Extra) -> list[tuple[str, str]]:
    """Programs with the Debian packages that bring them."""
    return image_tests.programs() if extra is Extra.IMAGES else cluster_tools.programs(_CLUSTERS[extra])


def steps(paths: Paths, machine: Machine, extra: Extra) -> list[Step]:
    """What is done once those programs are there."""
    if extra is not Extra.IMAGES:
        return cluster_tools.tool_steps(paths, _CLUSTERS[extra])
    # Images of Docker Hub are for both platforms.
    stand_ins = [] if machine.images else [mirror.step(paths, image_tests.EMULATED)]
    return [image_tests.emulation_step(), *stand_ins]
