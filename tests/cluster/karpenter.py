"""Real Karpenter with its kwok provider for tests: it makes the nodes that pods need, and kwok plays them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cluster_tools import KARPENTER
from tests.cluster.control_plane import ControlPlane
from tests.cluster.programs import tools
from tests.live import free_port

NAMESPACE = "karpenter"
NODE_CLASS = "default"
START_SECONDS = 60
ZONE = "test-zone-a"


@dataclass(frozen=True, slots=True)
class InstanceType:
    """A kind of machine that the stand-in for a cloud offers; resources beside these two are in ``more``."""

    name: str
    cpu: str
    memory: str
    price: float = 1.0
    more: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def manifest(self) -> dict[str, Any]:
        """As the provider's file of instance types has it; it makes node labels of an offering's requirements."""
        wanted = {"karpenter.sh/capacity-type": "on-demand", "topology.kubernetes.io/zone": ZONE, **self.labels}
        requirements = [{"key": key, "operator": "In", "values": [value]} for key, value in wanted.items()]
        return {
            "name": self.name,
            "offerings": [{"Price": self.price, "Available": True, "Requirements": requirements}],
            "architecture": "amd64",
            "operatingSystems": ["linux"],
            "resources": {"cpu": self.cpu, "memory": self.memory, "ephemeral-storage": "1Ti", **self.more},
        }


GENERAL = InstanceType("general-16", "16", "64Gi", 0.8)
ONE_GPU = InstanceType("gpu-1x", "8", "64Gi", 1.5, {"nvidia.com/gpu": "1"})
FOUR_GPUS = InstanceType("gpu-4x", "48", "256Gi", 6.5, {"nvidia.com/gpu": "4"})
INSTANCE_TYPES = (GENERAL, ONE_GPU, FOUR_GPUS)


def node_class(name: str = NODE_CLASS) -> dict[str, Any]:
    return {"apiVersion": "karpenter.kwok.sh/v1alpha1", "kind": "KWOKNodeClass", "metadata": {"name": name}, "spec": {}}


def node_class_reference(name: str = NODE_CLASS) -> dict[str, str]:
    """What a NodePool of the tests names in place of a cloud's node class."""
    return {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": name}


@contextmanager
def karpenter(cluster: ControlPlane, types: Sequence[InstanceType] = INSTANCE_TYPES) -> Iterator[None]:
    """Karpenter at work in a cluster, with its CRDs and the node class ``default``. Its nodes stay at the end."""
    binaries = tools(KARPENTER)
    cluster.kubectl("apply", "--server-side", "-f", str(binaries / "kwok-crds"))
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    cluster.apply(namespace, node_class())
    file = cluster.folder / "instance-types.json"
    file.write_text(json.dumps([one.manifest() for one in types]))
    health = free_port()
    environment = {
        "KUBECONFIG": str(cluster.kubeconfig),
        "SYSTEM_NAMESPACE": NAMESPACE,
        "INSTANCE_TYPES_FILE_PATH": str(file),
        "DISABLE_LEADER_ELECTION": "true",
        "METRICS_PORT": str(free_port()),
        "HEALTH_PROBE_PORT": str(health),
        "BATCH_IDLE_DURATION": "1s",
        "BATCH_MAX_DURATION": "5s",
        "PREFERENCE_POLICY": "Respect",
        "MIN_VALUES_POLICY": "Strict",
        "FEATURE_GATES": "NodeRepair=false,ReservedCapacity=false,SpotToSpotConsolidation=false,NodeOverlay=false",
        "LOG_LEVEL": "info",
    }
    cluster.programs.start("karpenter", binaries / "karpenter", environment=environment)
    try:
        cluster.wait_for("Karpenter", lambda: _answers(health), START_SECONDS)
        yield
    finally:
        cluster.programs.end("karpenter")


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
            return True
    except OSError:
        return False
