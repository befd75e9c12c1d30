"""What a stack's configuration says of its cluster (``codeopen:cluster``), as one typed value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from codeopen.environment.gpu_settings import CloudSettings, GpuPool


class RegistryKind(StrEnum):
    """Where images lie: in the cluster itself, anywhere that has the distribution API, or in a cloud's own registry."""

    IN_CLUSTER = "in-cluster"
    EXTERNAL = "external"
    ECR = "ecr"
    ARTIFACT_REGISTRY = "artifact-registry"
    ACR = "acr"


@dataclass(frozen=True, slots=True)
class IngressSettings:
    """How people reach a project's ports: ``https://PORT-NAME--PROJECT.DOMAIN``, through one gate for all.

    ``forward_auth`` is the URL that the ingress controller asks before it lets a request through: with the class
    ``traefik`` by a Middleware of the platform, with ``nginx`` by annotations; with any other, ``annotations`` must say
    how. ``namespace`` is the controller's: network policies let traffic in from nowhere else.

    ``tls_secret`` is the certificate of all hosts, a Secret of the platform's namespace. Traefik takes it by the
    platform's ``TLSStore``, which must be the only one that is called ``default``; any other controller must have it as
    its own default certificate. How: docs/how-to/connect-a-cluster.md.

    ``response_headers`` are those that a project gets from the gate's answer alone, whatever the client sent. Leave
    ``Authorization`` out of them: clients send the ports' own logins in it.
    """

    domain: str
    class_name: str = "traefik"
    namespace: str = "traefik"
    forward_auth: str = ""
    response_headers: tuple[str, ...] = ("X-Forwarded-User",)
    tls_secret: str = ""
    annotations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """``blocked`` ranges are never reached by projects, but for the cluster's DNS servers on ``dns_ports``.

    These are the pods of ``dns_namespace`` with ``dns_labels``, and ``dns_addresses``: addresses or ranges of servers
    that are no such pods, as those on each node (NodeLocal DNSCache) or of a cloud (GKE's Cloud DNS).
    """

    blocked: tuple[str, ...] = (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's WireServer, a public address that each machine there reaches
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
    blocked_v6: tuple[str, ...] = ("::1/128", "fc00::/7", "fe80::/10", "ff00::/8", "64:ff9b::/96")
    dns_namespace: str = "kube-system"
    dns_labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({"k8s-app": "kube-dns"}))
    dns_addresses: tuple[str, ...] = ()
    dns_ports: tuple[int, ...] = (53,)


class StoreKind(StrEnum):
    """Services that hold objects in buckets."""

    S3 = "s3"
    GCS = "gcs"
    AZURE = "azure"


@dataclass(frozen=True, slots=True)
class ObjectStoreSettings:
    """A bucket (on Azure a container of ``account``) that holds an in-cluster registry's images, instead of a claim.

    ``identity`` is who the registry's service account is to the cloud: an AWS role's ARN, a Google service account's
    address, an Azure client id. No key is kept in the cluster. ``redirect`` sends clients to the store for layers,
    which nodes and builders must then reach; on Google it takes the right to sign.
    """

    kind: StoreKind
    bucket: str
    region: str = ""
    endpoint: str = ""
    folder: str = ""
    account: str = ""
    identity: str = ""
    redirect: bool = False


@dataclass(frozen=True, slots=True)
class CloudRegistrySettings:
    """A cloud's registry: ``name`` is ACR's or Artifact Registry's own, ``location`` the region.

    ``group`` is Google's project or Azure's resource group.
    """

    name: str = "codeopen"
    location: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """``storage`` and ``storage_class`` are those of an in-cluster registry's claim; ``host`` is what nodes pull from.

    ``pull_secret`` names a Secret of type dockerconfigjson whose content is the stack's secret ``registryLogin``.

    In the cluster: ``tls_secret`` is a certificate for ``host`` that is there, else cert-manager's cluster issuer
    ``issuer`` makes one, else it comes from the stack's secrets. ``ingress_class`` makes an Ingress, whose controller
    is in ``ingress_namespace`` (that of ``ingress`` where both name one class): nobody else may talk to the registry.
    ``ca_secret`` has the ``ca.crt`` that signed the certificate where that is no public one; ``load_balancer`` serves
    without an Ingress.
    ``maintain_at`` is a time of day (UTC) when the registry starts anew, with one replica after freeing what no
    manifest names: meanwhile it is read-only.
    """

    kind: RegistryKind = RegistryKind.EXTERNAL
    host: str = ""
    storage: str = "200Gi"
    storage_class: str = ""
    pull_secret: str = ""
    cloud: CloudRegistrySettings | None = None
    store: ObjectStoreSettings | None = None
    replicas: int = 1
    issuer: str = ""
    tls_secret: str = ""
    ca_secret: str = ""
    ingress_class: str = ""
    ingress_namespace: str = ""
    load_balancer: bool = False
    maintain_at: str = "03:30"
    cpu: str = "500m"
    memory: str = "1Gi"


@dataclass(frozen=True, slots=True)
class WarmUpSettings:
    """``parallel`` nodes warm at a time; ``combinations`` as in the stack's, their parts' chains are what is pulled.

    ``cooldown_minutes``: a node whose disk was full is warmed again when it hasn't been for so long.
    """

    enabled: bool = True
    parallel: int = 2
    openkruise: bool = False
    cooldown_minutes: int = 60


@dataclass(frozen=True, slots=True)
class BuilderSettings:
    """BuildKit in the cluster, for combinations that aren't there yet. It never runs in ``ClusterSettings.namespace``.

    ``issuer`` is a cluster issuer of cert-manager that signs with one CA; else certificates are the stack's secrets.
    ``allowed_ranges`` are private addresses that builds reach nevertheless, as a registry's.
    """

    enabled: bool = False
    replicas: int = 1
    storage: str = "100Gi"
    storage_class: str = ""
    namespace: str = "codeopen-builder"
    issuer: str = ""
    cpu: str = "2"
    memory: str = "8Gi"
    allowed_ranges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Everything that differs from cluster to cluster. Empty strings leave a choice to the cluster's own default.

    ``storage_class`` is for claims that are made from then on: one that is there keeps its own.
    ``runtime_classes`` are those that the platform makes itself, as ``gvisor``; ``runtime_class`` is what projects use,
    but those with a GPU, which use ``gpu_runtime_class``: in another's sandbox NVIDIA's driver isn't seen.
    ``scratch`` is the disk that a project's container may fill beside its claim; a node's disk has room for so many.
    ``node_disk_gb`` is the disk of ordinary nodes, for the capacity plan; 0: the platform's default.
    ``upgrade_after_hours``: a new image reaches a workspace that runs after so many hours; 0: at its next wake only.
    """

    context: str = ""
    kubeconfig: str = ""
    ingress: IngressSettings | None = None
    network: NetworkSettings = field(default_factory=NetworkSettings)
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    warm_up: WarmUpSettings = field(default_factory=WarmUpSettings)
    builder: BuilderSettings = field(default_factory=BuilderSettings)
    storage_class: str = ""
    runtime_class: str = ""
    gpu_runtime_class: str = ""
    runtime_classes: tuple[str, ...] = ()
    scratch: str = "10Gi"
    node_disk_gb: int = 0
    namespace: str = "codeopen-system"
    upgrade_after_hours: int = 0
    gpu_pools: tuple[GpuPool, ...] = ()
    cloud: CloudSettings = field(default_factory=CloudSettings)
