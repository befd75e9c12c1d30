"""A real Kubernetes control plane for tests: etcd, API server, controllers and scheduler; kwok plays its nodes.

kwok sets the states that a kubelet would: pods become Running and Ready at once. It runs no probe, pulls no image,
mounts no volume and enforces no network policy.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import urllib3

from cluster_tools import KUBERNETES, KWOK
from tests.cluster.certificates import ADMIN, CONTROLLERS, SCHEDULER, User, write_certificate, write_users
from tests.cluster.host_paths import STORAGE_CLASS, remove_host_paths
from tests.cluster.programs import ClusterError, Programs, together, tools
from tests.live import free_port

T = TypeVar("T")
Flags = Mapping[str, Sequence[str]]
LOOPBACK = "127.0.0.1"
CAPACITY = {"cpu": "32", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "110"}
NOT_READY = "node.kubernetes.io/not-ready"
START_SECONDS = 60
KUBECTL_SECONDS = 120


class KubectlError(ClusterError):
    """kubectl failed; the text holds what it printed."""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A cluster that runs. Every program's log is in ``folder``."""

    folder: Path
    url: str
    programs: Programs

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.folder / "admin.kubeconfig"

    @property
    def certificate(self) -> Path:
        """What clients trust."""
        return self.folder / "server.crt"

    @property
    def token(self) -> str:
        """The administrator's."""
        return str(json.loads(self.kubeconfig.read_text())["users"][0]["user"]["token"])

    def kubectl(self, *words: str, stdin: str | None = None, check: bool = True) -> str:
        """Its standard output. With ``check=False`` no failure is raised, and what it printed of one comes after it."""
        command = [str(tools(KUBERNETES) / "kubectl"), "--kubeconfig", str(self.kubeconfig), *words]
        done = subprocess.run(
            command,
            input=stdin or "",
            env={"HOME": str(self.folder), "PATH": ""},
            capture_output=True,
            text=True,
            timeout=KUBECTL_SECONDS,
            check=False,
        )
        if check and done.returncode:
            raise KubectlError(f"kubectl {' '.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout if check else done.stdout + done.stderr

    def apply(self, *manifests: Mapping[str, Any]) -> None:
        """Create or change objects, server-side."""
        whole = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(whole))

    def refused(self, *manifests: Mapping[str, Any]) -> str:
        """Why the API server does not take these objects; fails where it takes them."""
        try:
            self.apply(*manifests)
        except KubectlError as error:
            return str(error)
        raise AssertionError("the API server took what it should refuse")

    def get(self, *words: str, namespace: str | None = None) -> Any:
        """What ``kubectl get`` finds, parsed: a list for a kind, one object for a kind and a name."""
        where = ["--namespace", namespace] if namespace else []
        return json.loads(self.kubectl("get", *words, *where, "--output", "json"))

    def items(self, kind: str, namespace: str | None = None, *words: str) -> list[dict[str, Any]]:
        """All objects of a kind, of all namespaces unless one is given; ``words`` go to ``kubectl get``."""
        where = [] if namespace else ["--all-namespaces"]
        found: list[dict[str, Any]] = self.get(kind, *where, *words, namespace=namespace)["items"]
        return found

    def wait_for(self, what: str, ready: Callable[[], T | None], seconds: float = 30) -> T:
        """Ask until the answer is something true, and return it; fails in time, with the end of every log."""
        return self.programs.wait_for(what, ready, seconds)

    def wait_for_pod(self, namespace: str, name: str, seconds: float = 30) -> dict[str, Any]:
        """The pod, once it is Running and Ready; fails in time, with what Kubernetes says of it."""
        found = self._ready("pods", name, "--namespace", namespace)
        try:
            return self.wait_for(f"pod {namespace}/{name} Ready", found, seconds)
        except ClusterError as error:
            told = self.kubectl("describe", "pod", name, "--namespace", namespace, check=False)
            raise ClusterError(f"{error}\n{told}") from None

    def add_node(
        self,
        name: str,
        labels: Mapping[str, str] | None = None,
        taints: Sequence[Mapping[str, str]] = (),
        capacity: Mapping[str, str] | None = None,
    ) -> None:
        """A node of kwok's, Ready. ``capacity`` is added to a large one, as ``{"nvidia.com/gpu": "1"}``."""
        resources = {**CAPACITY, **(capacity or {})}
        built_in = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        manifest = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {**built_in, **(labels or {})}},
            "spec": {"taints": list(taints)},
            "status": {"capacity": resources, "allocatable": resources},
        }
        # Not apply: it has no way to set a status.
        self.kubectl("create", "-f", "-", stdin=json.dumps(manifest))
        self.wait_for(f"node {name} Ready", self._ready("nodes", name))

    def restart_api_server(self) -> None:
        """End it at once, as a crash does, start it again on the same port, and wait until it answers."""
        self.programs.restart("kube-apiserver")
        self.wait_until_it_answers()

    def wait_until_it_answers(self) -> None:
        pool = urllib3.PoolManager(ca_certs=str(self.certificate), retries=False, timeout=2)
        headers = {"Authorization": f"Bearer {self.token}"}

        def answers() -> bool:
            try:
                return pool.request("GET", f"{self.url}/readyz", headers=headers).status == 200
            except urllib3.exceptions.HTTPError:
                return False

        self.wait_for("the API server ready", answers, START_SECONDS)

    def _ready(self, *words: str) -> Callable[[], dict[str, Any] | None]:
        kind, name, *where = words

        def found() -> dict[str, Any] | None:
            for item in self.get(kind, *where, "--field-selector", f"metadata.name={name}")["items"]:
                conditions = item["status"].get("conditions", [])
                untouched = all(
                    taint["effect"] != "NoSchedule" or "node.kubernetes.io/" not in taint["key"]
                    for taint in item["spec"].get("taints", [])
                )
                if any((one["type"], one["status"]) == ("Ready", "True") for one in conditions) and untouched:
                    return dict(item)
            return None

        return found


@contextmanager
def control_plane(
    folder: Path, *, address: str = LOOPBACK, flags: Flags | None = None, users: Mapping[str, User] | None = None
) -> Iterator[ControlPlane]:
    """A cluster without nodes while a test uses it, all of it in an empty folder and on free ports of one address.

    ``flags`` are more of them by program, as ``{"kube-apiserver": ["--v=4"]}``; ``users`` are more who have tokens.
    """
    try:
        with together(folder) as programs:
            cluster = ControlPlane(folder, f"https://{address}:{free_port()}", programs)
            more = flags or {}
            key = _start_api_server(cluster, address, more.get("kube-apiserver", ()), users or {})
            _start_the_rest(cluster, key, more)
            try:
                yield cluster
            finally:
                with suppress(ClusterError):
                    remove_host_paths(cluster.items("persistentvolumes"))
    finally:
        shutil.rmtree(folder / "etcd", ignore_errors=True)  # more than 100 MB, and pytest keeps folders


def _start_api_server(
    cluster: ControlPlane, address: str, flags: Sequence[str], more_users: Mapping[str, User]
) -> Path:
    """The API server and its store. Returns the key that signs tokens."""
    folder, binaries = cluster.folder, tools(KUBERNETES)
    store, peers = (f"http://{LOOPBACK}:{free_port()}" for _ in range(2))
    etcd = ["--name=test", f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync", "--log-level=warn"]
    etcd += [f"--listen-client-urls={store}", f"--advertise-client-urls={store}", f"--listen-peer-urls={peers}"]
    etcd += [f"--initial-advertise-peer-urls={peers}", f"--initial-cluster=test={peers}"]
    cluster.programs.start("etcd", binaries / "etcd", *etcd)
    certificate, key = write_certificate(folder, address)
    users = {"admin": ADMIN, "controllers": CONTROLLERS, "scheduler": SCHEDULER, **more_users}
    tokens = write_users(folder, cluster.url, certificate, users)
    server = [f"--etcd-servers={store}", f"--bind-address={address}", f"--secure-port={cluster.url.rsplit(':')[-1]}"]
    server += [f"--advertise-address={address}", f"--tls-cert-file={certificate}", f"--tls-private-key-file={key}"]
    if address == LOOPBACK:
        server.append("--endpoint-reconciler-type=none")  # no pod reaches it there, and an endpoint can't be one
    server += [f"--token-auth-file={tokens}", "--authorization-mode=Node,RBAC", "--anonymous-auth=false"]
    server += ["--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.96.0.0/16"]
    server += [f"--service-account-key-file={certificate}", f"--service-account-signing-key-file={key}"]
    server += ["--enable-admission-plugins=NodeRestriction", "--allow-privileged"]
    server += ["--kubelet-preferred-address-types=InternalIP"]
    cluster.programs.start("kube-apiserver", binaries / "kube-apiserver", *server, *flags)
    cluster.wait_until_it_answers()
    return key


def _start_the_rest(cluster: ControlPlane, key: Path, flags: Flags) -> None:
    folder, binaries, start = cluster.folder, tools(KUBERNETES), cluster.programs.start
    controllers = ["--use-service-account-credentials", f"--service-account-private-key-file={key}", "--secure-port=0"]
    controllers += [f"--kubeconfig={folder / 'controllers.kubeconfig'}", f"--root-ca-file={cluster.certificate}"]
    controllers += ["--leader-elect=false", "--enable-hostpath-provisioner", *flags.get("kube-controller-manager", ())]
    start("kube-controller-manager", binaries / "kube-controller-manager", *controllers)
    scheduler = [f"--kubeconfig={folder / 'scheduler.kubeconfig'}", "--leader-elect=false", "--secure-port=0"]
    start("kube-scheduler", binaries / "kube-scheduler", *scheduler, *flags.get("kube-scheduler", ()))
    # Without leases its nodes would turn NotReady after 40 seconds; without a port it serves no logs.
    kwok = [f"--kubeconfig={cluster.kubeconfig}", "--manage-all-nodes=true", "--node-lease-duration-seconds=40"]
    start("kwok", tools(KWOK) / "kwok", *kwok, "--node-port=0", *flags.get("kwok", ()))
    cluster.apply(STORAGE_CLASS)
    cluster.wait_for("the controllers at work", lambda: cluster.items("serviceaccounts", "default"), START_SECONDS)
