"""What tests of the platform on Kubernetes need: a control plane, and for the heavy ones a node, Karpenter and ingress.

Most of it has official binaries, but all is compiled on every kind of machine: one way to keep, pinned by go.sum.
"""

from __future__ import annotations

from enum import StrEnum

import go_tools
from go_tools import GoTool
from paths import Paths
from steps import Step

CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
GIT_VERSION = "k8s.io/component-base/version"
MAJOR_MINOR = ((f"{GIT_VERSION}.gitMajor", "1"), (f"{GIT_VERSION}.gitMinor", "34"))
KARPENTER_MODULE = "sigs.k8s.io/karpenter"
TRAEFIK_MODULE = "github.com/traefik/traefik/v3"
KARPENTER_CRDS = ("karpenter.sh_nodeclaims", "karpenter.sh_nodeoverlays", "karpenter.sh_nodepools")

# etcd is of the version that this Kubernetes is tested with: the same module names both.
KUBERNETES = GoTool(
    module="kubernetes",
    version="v1.34.0",
    binaries=(
        ("etcd", "go.etcd.io/etcd/server/v3"),
        *((name, f"k8s.io/kubernetes/cmd/{name}") for name in CONTROL_PLANE),
    ),
    stamp=f"{GIT_VERSION}.gitVersion",
    more_stamps=MAJOR_MINOR,
)
KUBELET = GoTool(
    module="kubernetes",
    version="v1.34.0",
    binaries=(("kubelet", "k8s.io/kubernetes/cmd/kubelet"),),
    stamp=f"{GIT_VERSION}.gitVersion",
    more_stamps=MAJOR_MINOR,
)
KWOK = GoTool(
    module="kwok",
    version="v0.7.0",
    binaries=(("kwok", "sigs.k8s.io/kwok/cmd/kwok"),),
    stamp="sigs.k8s.io/kwok/pkg/consts.Version",
)
# crds are the official ones; those of the kwok provider allow its own labels too.
KARPENTER = GoTool(
    module="karpenter",
    version="v1.8.0",
    binaries=(("karpenter", f"{KARPENTER_MODULE}/kwok"),),
    stamp=f"{KARPENTER_MODULE}/pkg/operator.Version",
    copies=(
        *((KARPENTER_MODULE, f"pkg/apis/crds/{name}.yaml", f"crds/{name}.yaml") for name in KARPENTER_CRDS),
        *((KARPENTER_MODULE, f"kwok/charts/crds/{name}.yaml", f"kwok-crds/{name}.yaml") for name in KARPENTER_CRDS),
        (
            KARPENTER_MODULE,
            "kwok/apis/crds/karpenter.kwok.sh_kwoknodeclasses.yaml",
            "kwok-crds/karpenter.kwok.sh_kwoknodeclasses.yaml",
        ),
    ),
)
TRAEFIK = GoTool(
    module="traefik",
    version="v3.5.4",
    binaries=(("traefik", f"{TRAEFIK_MODULE}/cmd/traefik"),),
    stamp=f"{TRAEFIK_MODULE}/pkg/version.Version",
    copies=(
        (
            TRAEFIK_MODULE,
            "docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml",
            "crds/traefik.yaml",
        ),
    ),
)
COREDNS = GoTool(
    module="coredns",
    version="v1.13.1",
    binaries=(("coredns", "github.com/coredns/coredns"),),
    stamp="github.com/coredns/coredns/coremain.GitCommit",
)

LIGHT = ((KUBERNETES, "Kubernetes"), (KWOK, "kwok"))
REST = ((KARPENTER, "Karpenter"), (KUBELET, "kubelet"), (TRAEFIK, "Traefik"), (COREDNS, "CoreDNS"))


class Cluster(StrEnum):
    """How much of a cluster set-up prepares, beside what the machine itself needs."""

    LIGHT = "cluster"
    FULL = "cluster-full"


def tool_steps(paths: Paths, cluster: Cluster) -> list[Step]:
    tools = LIGHT if cluster is Cluster.LIGHT else (*LIGHT, *REST)
    return [go_tools.step(paths, tool, title) for tool, title in tools]


def programs(cluster: Cluster) -> list[tuple[str, str]]:
    """Programs with the Debian packages that bring them; CNI's plugins lie where no PATH leads."""
    if cluster is Cluster.LIGHT:
        return [("openssl", "openssl")]
    return [
        ("openssl", "openssl"),
        ("containerd", "containerd"),
        ("runc", "runc"),
        ("conntrack", "conntrack"),
        ("iptables", "iptables"),
        ("/usr/lib/cni/host-local", "containernetworking-plugins"),
    ]
