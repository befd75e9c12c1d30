"""What `--lock kubernetes` needs: the role that docs/how-to/have-a-combination-made.md makes, as objects."""

from __future__ import annotations

from typing import Final

from codeopen.platform.cluster.objects import Object, make_object

_RBAC: Final = "rbac.authorization.k8s.io"
_LABELS: Final = {"app.kubernetes.io/component": "build-lock"}


def lock_rights(namespace: str, account: str, account_namespace: str = "") -> tuple[Object, Object]:
    """A role in the locks' namespace and its binding to the account; an account of another namespace names that."""
    name = f"codeopen-build-locks-{account}"
    verbs = ["get", "list", "create", "update", "delete"]
    rules = [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": verbs}]
    subject = {"kind": "ServiceAccount", "name": account, "namespace": account_namespace or namespace}
    binding = {"roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": name}, "subjects": [subject]}
    return (
        make_object(f"{_RBAC}/v1", "Role", name, {"rules": rules}, namespace=namespace, labels=_LABELS),
        make_object(f"{_RBAC}/v1", "RoleBinding", name, binding, namespace=namespace, labels=_LABELS),
    )
