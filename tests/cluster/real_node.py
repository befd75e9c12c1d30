"""A real node for a test's control plane: kubelet, containerd, runc and CNI, which leave nothing behind.

They live in a PID and a mount namespace of their own, so that the kernel ends all of it with the first process: pods,
shims, mounts and pods' networks. Only a bridge and a root of cgroups are the host's; they bear the number of the
process that made them, and go when it ends, or before the next node when it was killed.
"""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from cluster_tools import COREDNS, KUBELET
from tests.cluster import node_cgroups
from tests.cluster.certificates import User
from tests.cluster.control_plane import ControlPlane, Flags
from tests.cluster.node_files import NAME, NodeFiles, corefile, kernel_settings
from tests.cluster.pause_image import write_pause_image
from tests.cluster.programs import Programs, tools
from tests.live import free_port

USERS: Final = {NAME: User(f"system:node:{NAME}", ("system:nodes",))}
START_SECONDS: Final = 120
# Of 198.18.0.0/15, which is for tests between networks (RFC 2544), and which no project may reach.
NETWORKS: Final = ipaddress.ip_network("198.18.0.0/16")
_BRIDGE: Final = "conode"
_PRIVATE: Final = ("/run", "/var/lib", "/var/log")


@dataclass(frozen=True, slots=True)
class RealNode:
    """A node that is Ready. ``first`` is its first process, ``address`` what the host and pods reach it by."""

    cluster: ControlPlane
    folder: Path
    first: int
    address: str
    cgroup: str

    @property
    def name(self) -> str:
        return NAME

    def run(self, *words: str | Path) -> str:
        """What a command says that runs beside the kubelet."""
        command = [*_inside(self.first), *map(str, words)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words} ended with {done.returncode}: {done.stderr}"
        return done.stdout

    def bounds(self, pod: Mapping[str, Any]) -> node_cgroups.Bounds:
        """What the kernel grants the only container of a pod."""
        return node_cgroups.read_bounds(self.cgroup, pod)


def flags(folder: Path) -> Flags:
    """The flags of a control plane in this folder that has a real node: it speaks to it, and kwok leaves it alone."""
    client = [f"--kubelet-client-certificate={folder / 'server.crt'}", f"--kubelet-client-key={folder / 'server.key'}"]
    fakes = ["--manage-all-nodes=false", "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake"]
    return {"kube-apiserver": client, "kwok": fakes}


@contextmanager
def real_node(cluster: ControlPlane, folder: Path) -> Iterator[RealNode]:
    """A node while a test uses it, in an empty folder. Its control plane was started with ``flags`` and ``USERS``."""
    require_root_and_packages()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        bridge, address = stack.enter_context(_bridge())
        cgroup = stack.enter_context(node_cgroups.root(f"codeopen-node-{os.getpid()}"))
        files = NodeFiles(folder, cluster.certificate, bridge, address, cgroup, free_port())
        files.write()
        first = stack.enter_context(_first_process(cluster.programs, folder))
        node = RealNode(cluster, folder, first, str(address.ip), cgroup)
        _start_containerd(node, files)
        _start_dns(cluster, folder, node.address)
        _start_kubelet(node, files)
        yield node


def require_root_and_packages() -> None:
    """Fail with a sentence where there can't be a node."""
    if os.geteuid() != 0:
        pytest.fail("a real node wants root: run the tests as root", pytrace=False)
    wanted = {name: shutil.which(name) for name in ("containerd", "runc", "ip", "nsenter", "unshare", "busybox")}
    wanted["/usr/lib/cni/bridge"] = "there" if Path("/usr/lib/cni/bridge").exists() else None
    if missing := [name for name, found in wanted.items() if found is None]:
        words = ", ".join(missing)
        pytest.fail(f"no {words}; run: python3 tools/setup/set_up.py --also cluster-full", pytrace=False)


@contextmanager
def _bridge() -> Iterator[tuple[str, ipaddress.IPv4Interface]]:
    """A bridge with a network that no other interface has; those of killed processes go first."""
    interfaces = json.loads(_ip("-json", "address", "show"))
    for name in (each["ifname"] for each in interfaces):
        owner = name.removeprefix(_BRIDGE)
        if name != owner and not Path("/proc", owner).exists():
            _ip("link", "delete", name)
    taken = {address.get("local", "") for each in interfaces for address in each["addr_info"]}
    networks = (network for network in NETWORKS.subnets(new_prefix=24))
    address = next(
        gate for gate in (ipaddress.IPv4Interface((each[1], 24)) for each in networks) if str(gate.ip) not in taken
    )
    bridge = f"{_BRIDGE}{os.getpid()}"
    _ip("link", "add", bridge, "type", "bridge")
    try:
        _ip("address", "add", str(address), "dev", bridge)
        _ip("link", "set", bridge, "up")
        yield bridge, address
    finally:
        _ip("link", "delete", bridge)


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@contextmanager
def _first_process(programs: Programs, folder: Path) -> Iterator[int]:
    """The process that holds the namespaces; with it ends everything in them."""
    ready = folder / "ready"
    lines = ["set -e"]
    # What a node keeps in fixed places: CNI's and containerd's state, pods' network namespaces, the kubelet's sockets.
    lines += [f"mount -t tmpfs tmpfs {place}" for place in _PRIVATE]
    # The kubelet wants settings of the kernel that are the whole machine's: it finds them so, and changes none.
    lines += [f"mount --bind {file} {place}" for file, place in kernel_settings(folder)]
    lines += [f"touch {ready}", "while :; do sleep 3600 & wait; done"]
    namespaces = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    program = programs.start("node", *namespaces, "sh", "-c", "\n".join(lines))
    try:
        programs.wait_for("the node's namespaces", ready.exists)
        (first,) = _children(program.process.pid)
        yield first
    finally:
        for child in _children(program.process.pid):
            os.kill(child, signal.SIGKILL)
        for name in ("kubelet", "coredns", "containerd", "node"):
            if name in programs.running:
                programs.end(name)


def _children(process: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _inside(first: int) -> tuple[str, ...]:
    return ("nsenter", f"--target={first}", "--mount", "--pid", "--")


def _start_containerd(node: RealNode, files: NodeFiles) -> None:
    programs = node.cluster.programs
    programs.start("containerd", *_inside(node.first), "containerd", "--config", files.containerd)
    socket = Path(f"/proc/{node.first}/root/run/containerd/containerd.sock")
    programs.wait_for("containerd", socket.is_socket)
    image = write_pause_image(node.folder / "pause.tar")
    node.run("ctr", "--namespace", "k8s.io", "images", "import", image)


def _start_dns(cluster: ControlPlane, folder: Path, address: str) -> None:
    """CoreDNS on the host instead of in a pod: its image would have to come from somewhere."""
    file = folder / "Corefile"
    file.write_text(corefile(address, cluster.kubeconfig))
    cluster.programs.start("coredns", tools(COREDNS) / "coredns", "-conf", file)


def _start_kubelet(node: RealNode, files: NodeFiles) -> None:
    cluster = node.cluster
    # What kubeadm grants the API server: to fetch logs and to run commands.
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:kubelet-api-admin"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "kube-apiserver"}
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "roleRef": role}
    cluster.apply({**binding, "metadata": {"name": "api-server-to-kubelet"}, "subjects": [subject]})
    words = [f"--config={files.kubelet}", f"--kubeconfig={cluster.folder / NAME}.kubeconfig"]
    words += [f"--hostname-override={NAME}", f"--node-ip={node.address}", f"--root-dir={node.folder / 'kubelet'}"]
    words += [f"--cert-dir={node.folder / 'kubelet-certificates'}"]
    cluster.programs.start("kubelet", *_inside(node.first), tools(KUBELET) / "kubelet", *words)

    def ready() -> bool:
        conditions = [each for item in cluster.items("nodes") for each in item["status"].get("conditions", [])]
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    cluster.wait_for("the node Ready", ready, START_SECONDS)
