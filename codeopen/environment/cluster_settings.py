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
    """How people reach a project's ports: ``https://PORT-NAME--PROJECT.DOMAIN``, through one login gate for all.

    - ``forward_auth``: the URL that the ingress controller asks before it lets a request through. The platform makes a
      Middleware for the class ``traefik``, and annotations for ``nginx``. For any other class, ``annotations`` must say
      how. If it is empty, the platform sets no login gate: everybody who reaches the ingress reaches the projects'
      ports, and only each port's own login is left.
    - ``namespace``: the controller's. Network policies let traffic in from nowhere else.
    - ``tls_secret``: a Secret of the platform's namespace, with the certificate of all hosts. Traefik takes it from the
      platform's ``TLSStore``, which must be the only one called ``default``. Any other controller must have it as its
      default certificate (docs/how-to/connect-a-cluster.md).
    - ``response_headers``: headers that a project gets only from the gate's answer, whatever the client sent. Don't add
      ``Authorization``: it carries the ports' own logins.
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
    """Projects never reach ``blocked`` ranges, except for the cluster's DNS servers on ``dns_ports``.

    DNS servers are the pods of ``dns_namespace`` with ``dns_labels``, and ``dns_addresses``: addresses or ranges of
    other servers, e.g. those on each node (NodeLocal DNSCache) or a cloud's (GKE's Cloud DNS).
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

    - ``identity``: the registry's identity in the cloud: an AWS role's ARN, a Google service account's address, or an
      Azure client id. The cluster holds no key.
    - ``redirect``: sends clients to the store for layers. Nodes and builders must then reach it. On Google it requires
      the right to sign.
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
    """A cloud's registry.

    - ``name``: the name of the registry, for ACR and Artifact Registry.
    - ``location``: the region.
    - ``group``: Google's project, or Azure's resource group.
    """

    name: str = "codeopen"
    location: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """The registry of the images. ``host`` is what nodes pull from.

    - ``host``: by default ``codeopen:registry``, where images are looked up and published. Set it only if nodes know
      that registry by another name.
    - ``pull_secret``: the name of a Secret of type dockerconfigjson with the stack's secret ``registryLogin``.

    The other keys are for a registry in the cluster:

    - ``storage``, ``storage_class``: its claim.
    - ``tls_secret``: an existing certificate for ``host``. Without it, cert-manager's cluster issuer ``issuer`` makes
      one. Without either, the certificate comes from the stack's secrets.
    - ``ca_secret``: a Secret with the ``ca.crt`` that signed the certificate, if it is not a public one.
    - ``ingress_class``: makes an Ingress. Its controller is in ``ingress_namespace`` (by default that of ``ingress``,
      if both name one class); nobody else may talk to the registry.
    - ``load_balancer``: serves without an Ingress.
    - ``maintain_at``: time of day (UTC) when the registry restarts. With one replica it first frees what no manifest
      names, and is read-only meanwhile.
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
    """Nodes pull the stack's combinations before anybody waits for them.

    - ``parallel``: how many nodes pull at a time.
    - ``openkruise``: OpenKruise pulls. Install its CRDs first.
    - ``cooldown_minutes``: how long a node's disk must not be full before the node is warmed again.
    """

    enabled: bool = True
    parallel: int = 2
    openkruise: bool = False
    cooldown_minutes: int = 60


@dataclass(frozen=True, slots=True)
class BuilderSettings:
    """BuildKit in the cluster, for parts that aren't built yet. Its ``namespace`` must not be the platform's.

    - ``issuer``: a cluster issuer of cert-manager that signs with one CA. Without it, certificates are the stack's
      secrets.
    - ``allowed_ranges``: private addresses that builds may reach nevertheless, e.g. a registry's.
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
    """Everything that differs from cluster to cluster. An empty text leaves a choice to the cluster's own default.

    - ``storage_class``: for new claims. An existing claim keeps its own.
    - ``runtime_class``: what projects run with. Projects with a GPU run with ``gpu_runtime_class`` instead, because a
      sandbox hides NVIDIA's driver. ``runtime_classes`` are those that the platform makes itself, e.g. ``gvisor``.
    - ``scratch``: disk of the node that a project's container may fill, beside its claim.
    - ``node_disk_gb``: disk of ordinary nodes, for the capacity plan. 0: the platform's default.
    - ``upgrade_after_hours``: when a new image reaches a running workspace. 0: only at its next wake.
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
