"""The clusters that these tests share; each test works in namespaces of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.control_plane import ControlPlane, control_plane
from tests.cluster.karpenter import karpenter


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane with one node of kwok's, ``node-1``."""
    with control_plane(tmp_path_factory.mktemp("cluster")) as started:
        started.add_node("node-1")
        yield started


@pytest.fixture(scope="session")
def karpenter_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane without nodes, where Karpenter makes them for the NodePools of tests."""
    with control_plane(tmp_path_factory.mktemp("karpenter")) as started, karpenter(started):
        yield started
