"""The configuration of a real node's programs."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.cluster.pause_image import PAUSE

NAME: Final = "real-1"
SOCKET: Final = "/run/containerd/containerd.sock"
# What the kubelet checks. Source: Kubernetes, pkg/util/sysctl and pkg/kubelet/cm ("setupKernelTunables").
_KERNEL: Final = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}
# Of a registry on a loopback address containerd takes plain HTTP, as Docker does.
_CONTAINERD: Final = """\
version = 2
root = "{folder}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
# A machine in a machine may not lower it, and says so in other words.
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
# Compressed layers aren't kept: disk is short.
discard_unpacked_layers = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{folder}/cni"
"""


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """Where they lie, and what they say of the node's place on the host."""

    folder: Path
    certificate: Path
    bridge: str
    address: ipaddress.IPv4Interface
    cgroup: str
    port: int

    @property
    def containerd(self) -> Path:
        return self.folder / "containerd.toml"

    @property
    def kubelet(self) -> Path:
        return self.folder / "kubelet.json"

    def write(self) -> None:
        (self.folder / "cni").mkdir()
        (self.folder / "cni" / "10-bridge.conflist").write_text(json.dumps(self._network()))
        (self.folder / "resolv.conf").write_text("# Pods ask the cluster's DNS, and nobody beside it.\n")
        self.containerd.write_text(_CONTAINERD.format(folder=self.folder, socket=SOCKET, pause=PAUSE))
        self.kubelet.write_text(json.dumps(self._kubelet(), indent=1))

    def _network(self) -> dict[str, object]:
        """Pods see each other, the host and nothing else: without a route, what they try outside fails at once."""
        addresses = {"type": "host-local", "ranges": [[{"subnet": str(self.address.network)}]]}
        bridge = {"type": "bridge", "bridge": self.bridge, "isGateway": True, "ipMasq": False, "ipam": addresses}
        ports = {"type": "portmap", "capabilities": {"portMappings": True}}
        return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge, ports]}

    def _kubelet(self) -> dict[str, object]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": str(self.address.ip),
            "port": self.port,
            "healthzPort": 0,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self.certificate)},
            },
            "authorization": {"mode": "Webhook"},
            "containerRuntimeEndpoint": f"unix://{SOCKET}",
            "clusterDNS": [str(self.address.ip)],
            "clusterDomain": "cluster.local",
            "resolvConf": str(self.folder / "resolv.conf"),
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.cgroup}",
            "enforceNodeAllocatable": [],
            "failCgroupV1": False,
            "failSwapOn": False,
            "protectKernelDefaults": True,
            "makeIPTablesUtilChains": False,
            # The disk is whatever the machine has left, and an image is kept for a project that sleeps.
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "200Mi", "imagefs.available": "200Mi"},
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "podLogsDir": "/var/log/pods",
            "volumePluginDir": "/var/lib/volume-plugins",
        }


def kernel_settings(folder: Path) -> list[tuple[Path, Path]]:
    """Files with the kernel's settings that the kubelet wants, each with the place where it looks for it."""
    found = []
    (folder / "kernel").mkdir()
    for name, value in _KERNEL.items():
        file = folder / "kernel" / name.replace("/", ".")
        file.write_text(f"{value}\n")
        found.append((file, Path("/proc/sys", name)))
    return found


def corefile(address: str, kubeconfig: Path) -> str:
    """The cluster's names; of all others it says that there are none."""
    lines = [
        "cluster.local {",
        f"  bind {address}",
        f"  kubernetes {{\n    kubeconfig {kubeconfig} test\n  }}",
        "  errors",
        "}",
        ". {",
        f"  bind {address}",
        "  template ANY ANY {\n    rcode NXDOMAIN\n  }",
        "}",
    ]
    return "\n".join(lines) + "\n"
