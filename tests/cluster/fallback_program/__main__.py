"""A project's kinds of objects and a custom resource, with what the tests change as configuration."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as k8s

config = pulumi.Config()
name = f"fallback-{config.require('suffix')}"
provider = k8s.Provider(
    "cluster",
    kubeconfig=config.require("kubeconfig"),
    enable_secret_mutable=config.get_bool("secretMutable"),
    enable_patch_force=config.get_bool("force"),
)
own = pulumi.ResourceOptions(provider=provider)
labels = {"app.kubernetes.io/name": "workspace", **({"extra": "yes"} if config.get_bool("extra") else {})}

namespace = k8s.core.v1.Namespace(config.get("namespaceResource") or "namespace", metadata={"name": name}, opts=own)


def meta(object_name: str) -> dict[str, object]:
    """Metadata of an object in the namespace that this program makes."""
    return {"name": object_name, "namespace": namespace.metadata.name, "labels": labels}


secret = k8s.core.v1.Secret(
    "secret", metadata=meta("login"), string_data={"password": config.require_secret("password")}, opts=own
)
claim = k8s.core.v1.PersistentVolumeClaim(
    "claim",
    metadata=meta("home"),
    spec={
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "2048Mi"}},
        "storageClassName": config.get("storageClass") or "standard",
    },
    opts=own,
)
workload = k8s.apps.v1.StatefulSet(
    "workload",
    metadata=meta("workspace"),
    spec={
        "replicas": config.get_int("replicas") or 1,
        "serviceName": config.get("serviceName") or "workspace",
        "selector": {"matchLabels": {"app.kubernetes.io/name": "workspace"}},
        "template": {
            "metadata": {"labels": {"app.kubernetes.io/name": "workspace"}},
            "spec": {
                "automountServiceAccountToken": False,
                "containers": [
                    {
                        "name": "main",
                        "image": "registry.invalid/workspace",
                        "env": [{"name": "PASSWORD", "value": config.require_secret("password")}],
                        "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
                    }
                ],
            },
        },
    },
    opts=own,
)
policy = k8s.networking.v1.NetworkPolicy(
    "policy",
    metadata=meta("default-deny"),
    spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": []},
    opts=own,
)
group = f"{config.require('suffix')}.example.com"
definition = k8s.apiextensions.v1.CustomResourceDefinition(
    "definition",
    metadata={"name": f"gates.{group}"},
    spec={
        "group": group,
        "scope": "Namespaced",
        "names": {"kind": "Gate", "plural": "gates", "singular": "gate"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "x_kubernetes_preserve_unknown_fields": True}},
                    }
                },
            }
        ],
    },
    opts=own,
)
if not config.get_bool("noGate"):
    k8s.apiextensions.CustomResource(
        "gate",
        api_version=f"{group}/v1",
        kind="Gate",
        metadata=meta("main"),
        spec={"open": True, "hosts": ["a", "b"]},
        opts=pulumi.ResourceOptions(provider=provider, depends_on=[definition]),
    )
if config.get_bool("unknownField"):
    body = {"type": "ClusterIP", "ports": [{"port": 80}], "portz": []}
    k8s.core.v1.Service("service", metadata=meta("workspace"), spec=body, opts=own)
if config.get_bool("nameless"):
    k8s.core.v1.ConfigMap("nameless", metadata={"namespace": name}, data={"a": "b"}, opts=own)
if config.get_bool("patch"):
    k8s.core.v1.NamespacePatch("patch", metadata={"name": name, "labels": {"a": "b"}}, opts=own)

pulumi.export("uid", namespace.metadata.uid)
pulumi.export("data", secret.data)
