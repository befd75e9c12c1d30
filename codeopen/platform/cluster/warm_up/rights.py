"""What the warm-up's controller may do: read nodes and its own pods, and put one label on nodes.

Rights alone can't say "one label": whoever may patch a node may change its taints as well. An admission policy says it.
"""

from __future__ import annotations

from typing import Any, Final

from codeopen.environment.cluster_settings import ClusterSettings
from codeopen.platform.cluster.objects import Object, make_object
from codeopen.platform.cluster.pods import component_labels
from codeopen.platform.cluster.warm_up.controller import LABEL

_RBAC: Final = "rbac.authorization.k8s.io"
_ADMISSION: Final = "admissionregistration.k8s.io/v1"
_POLICY: Final = "codeopen-warm-up"
_COMPONENT: Final = "warm-up-controller"


def controller_rights(settings: ClusterSettings, account: str) -> tuple[Object, ...]:
    """A service account, its roles and their bindings, and the policy that bounds them."""
    subject = {"kind": "ServiceAccount", "name": account, "namespace": settings.namespace}
    cluster_name = f"codeopen-{account}"
    nodes = [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "patch"]}]
    pods = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    in_namespace = settings.namespace
    return (
        _make("v1", "ServiceAccount", account, {"automountServiceAccountToken": False}, in_namespace),
        _make(f"{_RBAC}/v1", "ClusterRole", cluster_name, {"rules": nodes}),
        _make(
            f"{_RBAC}/v1",
            "ClusterRoleBinding",
            cluster_name,
            {"roleRef": _role("ClusterRole", cluster_name), "subjects": [subject]},
        ),
        _make(f"{_RBAC}/v1", "Role", account, {"rules": pods}, in_namespace),
        _make(
            f"{_RBAC}/v1",
            "RoleBinding",
            account,
            {"roleRef": _role("Role", account), "subjects": [subject]},
            in_namespace,
        ),
        _make(_ADMISSION, "ValidatingAdmissionPolicy", _POLICY, {"spec": _policy(settings.namespace, account)}),
        _make(
            _ADMISSION,
            "ValidatingAdmissionPolicyBinding",
            _POLICY,
            {"spec": {"policyName": _POLICY, "validationActions": ["Deny"]}},
        ),
    )


def _policy(namespace: str, account: str) -> dict[str, Any]:
    user = f"system:serviceaccount:{namespace}:{account}"
    same = f"all(key, key == '{LABEL}' || (key in variables.OTHER && variables.OTHER[key] == variables.ONE[key]))"
    labels = " && ".join(
        f"variables.{one}.{same}".replace("OTHER", other).replace("ONE", one)
        for one, other in (("before", "after"), ("after", "before"))
    )
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["nodes"]}
            ]
        },
        "matchConditions": [{"name": "warm-up", "expression": f"request.userInfo.username == '{user}'"}],
        "variables": [
            {"name": "before", "expression": "oldObject.metadata.?labels.orValue({})"},
            {"name": "after", "expression": "object.metadata.?labels.orValue({})"},
        ],
        "validations": [
            {"expression": "object.spec == oldObject.spec", "message": "the warm-up doesn't change what nodes are for"},
            {
                "expression": "object.metadata.?annotations.orValue({}) == oldObject.metadata.?annotations.orValue({})"
                " && object.metadata.?finalizers.orValue([]) == oldObject.metadata.?finalizers.orValue([])",
                "message": "the warm-up has no annotations on nodes",
            },
            {"expression": labels, "message": f"the warm-up has one label on nodes: {LABEL}"},
        ],
    }


def _role(kind: str, name: str) -> dict[str, str]:
    return {"apiGroup": _RBAC, "kind": kind, "name": name}


def _make(api_version: str, kind: str, name: str, body: dict[str, Any], namespace: str = "") -> Object:
    return make_object(api_version, kind, name, body, namespace=namespace, labels=component_labels(_COMPONENT))
