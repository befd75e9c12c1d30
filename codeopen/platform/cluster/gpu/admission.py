"""What the API server refuses of a project's pods, whatever their images say, so that GPUs go to those who claim them.

The container runtime of a GPU node gives every GPU to a container whose environment asks for it, as that of CUDA images
does; resource claims don't come into it. So a container without a claim must set ``NVIDIA_VISIBLE_DEVICES=void``, and
one with a claim must leave the variable to the device plugin. Nothing else may lead around that: names put together
from a prefix, devices asked for by annotation, a node chosen by name, a toleration of everything.

Turns on a GPU are taken without a wall between those who take them. Pools with turns belong to one owner: their nodes
have the taint ``codeopen.dev/owner``, which a pod may tolerate only with the owner that its namespace is labelled with.
"""

from __future__ import annotations

from typing import Any, Final

from codeopen.platform.cluster.gpu.pools import GPU, OWNER_LABEL
from codeopen.platform.cluster.objects import GROUP, MANAGED_BY, Object, make_object

VARIABLE: Final = "NVIDIA_VISIBLE_DEVICES"
PODS: Final = "codeopen-gpu-pods"
VALUES: Final = "codeopen-gpu-values"

_API: Final = "admissionregistration.k8s.io/v1"
_PROJECTS: Final = {
    "matchLabels": dict(MANAGED_BY),
    "matchExpressions": [{"key": f"{GROUP}/project", "operator": "Exists"}],
}
_CLAIMED: Final = "c.?resources.?limits.orValue({})"
_CLAIMS: Final = (
    f"{_CLAIMED}.exists(k, k.startsWith('nvidia.com/') && "
    "quantity(string(c.resources.limits[k])).isGreaterThan(quantity('0')))"
)
_TERMS: Final = (
    "object.spec.?affinity.?nodeAffinity.?requiredDuringSchedulingIgnoredDuringExecution.?nodeSelectorTerms.orValue([])"
)
_VARIABLES: Final = {
    "containers": "object.spec.containers + object.spec.?initContainers.orValue([])",
    "ephemeral": "object.spec.?ephemeralContainers.orValue([])",
    "claiming": f"variables.containers.filter(c, {_CLAIMS})",
    "bare": f"variables.containers.filter(c, !({_CLAIMS})) + variables.ephemeral",
    "shared": f"variables.claiming.exists(c, {_CLAIMED}.exists(k, k.endsWith('.shared')))",
    "tolerations": "object.spec.?tolerations.orValue([])",
    "owner": f"namespaceObject.metadata.?labels[?'{OWNER_LABEL}'].orValue('')",
    "terms": _TERMS,
}
# (what must hold, what is said where it doesn't)
_POD_RULES: Final = (
    (
        (
            f"variables.bare.all(c, c.?env.orValue([]).exists(e, e.name == '{VARIABLE}') && "
            f"c.?env.orValue([]).all(e, e.name != '{VARIABLE}' || e.?value.orValue('') == 'void'))"
        ),
        f"a container that claims no GPU must set {VARIABLE}=void, or its image could ask for every GPU of the node",
    ),
    (
        f"variables.claiming.all(c, c.?env.orValue([]).all(e, e.name != '{VARIABLE}'))",
        f"a container that claims a GPU must not set {VARIABLE}: the device plugin does, to the GPUs it may have",
    ),
    (
        "(variables.claiming + variables.bare).all(c, c.?envFrom.orValue([]).all(e, e.?prefix.orValue('') == ''))",
        f"envFrom must have no prefix, which could make up {VARIABLE}",
    ),
    (
        "variables.tolerations.all(t, t.?key.orValue('') != '')",
        "a toleration must name a taint: one without a key would open every node",
    ),
    (
        f"size(variables.claiming) > 0 || variables.tolerations.all(t, t.?key.orValue('') != '{GPU}')",
        f"only a pod that claims a GPU may tolerate the taint {GPU}",
    ),
    (
        (
            f"variables.tolerations.all(t, t.?key.orValue('') != '{OWNER_LABEL}' || (variables.owner != '' && "
            "t.?operator.orValue('Equal') == 'Equal' && t.?value.orValue('') == variables.owner))"
        ),
        f"the taint {OWNER_LABEL} may be tolerated with the value of the namespace's own label only",
    ),
    (
        (
            "!variables.shared || (variables.owner != '' && size(variables.terms) > 0 && variables.terms.all(t, "
            f"t.?matchExpressions.orValue([]).exists(e, e.key == '{OWNER_LABEL}' && e.operator == 'In' && "
            "e.?values.orValue([]) == [variables.owner])))"
        ),
        f"a pod with a turn on a shared GPU must require nodes whose label {OWNER_LABEL} is that of its namespace",
    ),
    (
        "request.operation != 'CREATE' || object.spec.?nodeName.orValue('') == ''",
        "a pod must not choose its node by name, past the scheduler and its taints",
    ),
    (
        (
            "object.metadata.?annotations.orValue({}).all(k, !k.startsWith('cdi.k8s.io/')) && "
            "size(object.spec.?resourceClaims.orValue([])) == 0"
        ),
        "devices are claimed by resource limits only, not by annotations or resource claims",
    ),
)
_VALUE_RULES: Final = (
    (
        f"!('{VARIABLE}' in object.?data.orValue({{}}))",
        f"{VARIABLE} must not come from a Secret or ConfigMap: the device plugin sets it",
    ),
)


def gpu_admission_objects() -> tuple[Object, ...]:
    """The policies of a cluster and where they bind: in namespaces of projects, and nowhere else."""
    pods = _policy(PODS, ("pods", "pods/ephemeralcontainers"), _POD_RULES, _VARIABLES)
    values = _policy(VALUES, ("secrets", "configmaps"), _VALUE_RULES, {})
    return (pods, _binding(PODS), values, _binding(VALUES))


def _policy(
    name: str, resources: tuple[str, ...], rules: tuple[tuple[str, str], ...], variables: dict[str, str]
) -> Object:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": list(resources)}
    spec: dict[str, Any] = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": _PROJECTS},
        # What is older than the policy must still be able to go.
        "matchConditions": [{"name": "stays", "expression": "!has(object.metadata.deletionTimestamp)"}],
        "variables": [{"name": variable, "expression": expression} for variable, expression in variables.items()],
        "validations": [{"expression": expression, "message": message} for expression, message in rules],
    }
    return make_object(_API, "ValidatingAdmissionPolicy", name, {"spec": spec})


def _binding(name: str) -> Object:
    spec = {"policyName": name, "validationActions": ["Deny"]}
    return make_object(
        _API,
        "ValidatingAdmissionPolicyBinding",
        name,
        {"spec": spec},
        after=(f"validatingadmissionpolicy/{name}",),
    )
