"""Checks objects against the API's schemas without a cluster: unknown fields, wrong types, missing values.

The schemas of Kubernetes' own kinds are those of the package ``kubernetes-validate``, in their strict form; those of
custom resources are in ``schemas/``, with what the project uses of them. What only a server knows (immutable fields,
admission, sums) is not checked.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from referencing import Registry, Resource

from codeopen.platform.cluster.objects import Object, Reference, SecretValue, fill

KUBERNETES: Final = "1.34"
_FOLDER: Final = f"kubernetes-json-schema/v{KUBERNETES}.0-local-strict"
_QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_NUMBER: Final = r"^[+-]?[0-9]+(\.[0-9]+)?([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
_NAME: Final = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?", re.ASCII)
_RBAC_NAME: Final = re.compile(r"[^/%]+")
_LABEL: Final = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that the API would not take. ``path`` is as in ``$.spec.replicas``."""

    object: str
    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.object}: {self.path}: {self.what}"


def validate(objects: Iterable[Object]) -> list[Problem]:
    """Every problem of the objects, in a stable order; none when all are right."""
    listed = list(objects)
    problems = [problem for each in listed for problem in _problems(each)]
    counts = Counter(_title(each) for each in listed)
    problems += [
        Problem(title, "$.metadata.name", f"{count} objects have this name")
        for title, count in counts.items()
        if count > 1
    ]
    return sorted(problems)


def _problems(each: Object) -> Iterator[Problem]:
    title = _title(each)
    manifest = fill(each.manifest, _stand_in)
    yield from (Problem(title, path, "null: leave it out, or give it a value") for path in _nulls(manifest, "$"))
    validator = _validator(each.api_version, each.kind)
    if validator is None:
        yield Problem(title, "$.kind", f"no schema of {each.api_version} {each.kind} for Kubernetes {KUBERNETES}")
        return
    for error in validator.iter_errors(manifest):
        # Of an alternative none of which fits, the one that nearly does.
        exact = best_match([error]) or error
        yield Problem(title, exact.json_path, _message(exact))
    yield from (Problem(title, *found) for found in _metadata_problems(manifest))


def _title(each: Object) -> str:
    return f"{each.kind}/{each.namespace}/{each.name}" if each.namespace else f"{each.kind}/{each.name}"


def _stand_in(value: SecretValue | Reference) -> str:
    return value.tag if isinstance(value, Reference) else "REDACTED"


def _message(error: ValidationError) -> str:
    """Without the value itself, which may be long: the path says where it is."""
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
        unknown = sorted(key for key in dict(cast("Mapping[str, Any]", error.instance)) if key not in known)
        return f"unknown field {', '.join(unknown)}"
    return error.message if len(error.message) < 200 else f"{error.validator} {error.validator_value!r}"[:200]  # noqa: PLR2004


def _nulls(value: Any, path: str) -> Iterator[str]:
    if value is None:
        yield path
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _nulls(item, f"{path}.{key}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _nulls(item, f"{path}[{place}]")


def _metadata_problems(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the schemas don't say of names and labels."""
    metadata = manifest.get("metadata") or {}
    name = metadata.get("name")
    pattern = _RBAC_NAME if manifest["apiVersion"].startswith("rbac.") else _NAME
    if not isinstance(name, str) or pattern.fullmatch(name) is None:
        yield "$.metadata.name", f"{name!r} is not a name: lower-case letters, digits, - and ."
    for key, value in (metadata.get("labels") or {}).items():
        if not isinstance(value, str) or _LABEL.fullmatch(value) is None:
            yield f"$.metadata.labels.{key}", f"{value!r} is not a label's value: at most 63 letters, digits, - _ ."


@lru_cache(maxsize=256)
def _validator(api_version: str, kind: str) -> Draft202012Validator | None:
    own = (
        resources.files("codeopen.platform.cluster")
        / "schemas"
        / f"{kind.lower()}-{api_version.replace('/', '-')}.json"
    )
    if own.is_file():
        return Draft202012Validator(_read(own))
    # The package names a schema by the first word of its group, as in `deployment-apps-v1`.
    group, _, version = api_version.rpartition("/")
    builtin = group.endswith(".k8s.io") or "." not in group
    name = "-".join(word for word in (kind.lower(), group.partition(".")[0], version) if word)
    file = _kubernetes_folder() / f"{name}.json"
    if not builtin or not file.is_file():
        return None
    return Draft202012Validator(_read(file), registry=_definitions())


@lru_cache(maxsize=1)
def _definitions() -> Registry[Any]:
    contents = _read(_kubernetes_folder() / "_definitions.json")
    # The package's takes any text for a quantity.
    contents["$defs"][_QUANTITY] = {"type": ["string", "number"], "pattern": _NUMBER}
    registry: Registry[Any] = Registry().with_resource(contents["$id"], Resource.from_contents(contents))
    return registry


def _kubernetes_folder() -> Traversable:
    return resources.files("kubernetes_validate") / _FOLDER


def _read(file: Traversable) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
