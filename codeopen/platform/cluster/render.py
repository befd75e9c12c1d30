"""Objects as files, for people and for GitOps: the same bytes for the same objects, and no secret in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import yaml

from codeopen.platform.cluster.objects import Object, Reference, SecretValue, fill

REDACTED: Final = "REDACTED"
CLUSTER_FILE: Final = "00-cluster.yaml"
_DOCKER_CONFIG: Final = ".dockerconfigjson"
_REDACTED_VALUES: Final[Mapping[str, str]] = MappingProxyType(
    # The API server takes only JSON there.
    {_DOCKER_CONFIG: '{"auths": {"REDACTED": {}}}'}
)
_REDACTED_BASE64: Final = "UkVEQUNURUQ="
_HEADER: Final = "# Made by `codeopen render`. Secrets are REDACTED: apply them by Pulumi, or by a secret store.\n"
_ORDER: Final = (
    *("Namespace", "PriorityClass", "RuntimeClass", "ResourceQuota", "LimitRange", "NetworkPolicy"),
    *("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
    *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
    *("Secret", "ConfigMap", "Certificate", "PersistentVolumeClaim", "Service", "PodDisruptionBudget"),
)
"""What others need comes first; kinds that aren't listed come last, by their names."""


def render(objects: Iterable[Object], images: Mapping[str, str]) -> Mapping[str, str]:
    """YAML by file name: a file a namespace, which it begins with, and CLUSTER_FILE for what is in none.

    ``images`` are references by name, as the outputs of a stack; an image that isn't among them is written by its tag.
    """
    files: defaultdict[str, list[Object]] = defaultdict(list)
    for each in objects:
        files[_file(each)].append(each)
    return MappingProxyType({name: _render_file(files[name], images) for name in sorted(files)})


def _file(each: Object) -> str:
    namespace = each.name if each.kind == "Namespace" else each.namespace
    return f"{namespace}.yaml" if namespace else CLUSTER_FILE


def _render_file(objects: list[Object], images: Mapping[str, str]) -> str:
    manifests = [_manifest(each, images) for each in sorted(objects, key=_place)]
    text = yaml.dump_all(manifests, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
    return f"{_HEADER}---\n{text}"


def _place(each: Object) -> tuple[int, str, str]:
    return (_ORDER.index(each.kind) if each.kind in _ORDER else len(_ORDER), each.kind, each.name)


def _manifest(each: Object, images: Mapping[str, str]) -> dict[str, Any]:
    def replace(value: SecretValue | Reference) -> str:
        return images.get(value.name, value.tag) if isinstance(value, Reference) else REDACTED

    manifest: dict[str, Any] = fill(each.manifest, replace)
    if each.kind == "Secret":
        _redact(manifest)
    return manifest


def _redact(secret: dict[str, Any]) -> None:
    """Everything in a Secret is one, whoever wrote it there."""
    for key in secret.get("stringData", {}):
        secret["stringData"][key] = _REDACTED_VALUES.get(key, REDACTED)
    for key in secret.get("data", {}):
        secret["data"][key] = _REDACTED_BASE64
    # Where kubectl keeps what was applied, in full.
    secret["metadata"].get("annotations", {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)


class _Dumper(yaml.SafeDumper):
    """Without anchors, and with texts of several lines as blocks."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)
