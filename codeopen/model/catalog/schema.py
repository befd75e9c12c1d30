"""Check a document against its JSON Schema, and say what is wrong in the words of the person who wrote it.

The schemas lie beside the data (``schema/*.schema.json``), where editors pick them up. An error's fix comes from the
schema's own ``patternErrorMessage`` and ``description`` where they say more than the keyword.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import UnknownType
from jsonschema.validators import extend

from codeopen.errors import Problem
from codeopen.model.catalog.accept import Accept, compile_accept, compile_pattern
from codeopen.model.catalog.schema_errors import Refusal, explain
from codeopen.model.catalog.source import Document, KeyPath, show_path

COMMON: Final = "common.schema.json"
_DEEPEST_SCHEMA: Final = 40  # levels; only a schema that refers to itself has more
_UNUSABLE: Final = (AttributeError, KeyError, TypeError, RecursionError, UnknownType)  # what a broken schema raises


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem, the key path of the value that has it, and whether that value can still be used."""

    path: KeyPath
    problem: Problem
    usable: bool


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema that is ready to check documents."""

    validator: Any  # jsonschema's validator classes are made at run time and have no static type
    accept: Accept


@lru_cache(maxsize=32)
def load_schema(text: str, common: str) -> Schema:
    """The schema in a JSON text, which refers to the definitions of ``common``. Raises ValueError."""
    try:
        schema = _inline(json.loads(text), json.loads(common)["$defs"], 0)
        return Schema(_validator(schema), compile_accept(schema))
    except (*_UNUSABLE, ValueError) as error:
        raise ValueError(f"it is no usable JSON Schema, or {COMMON} is none: {error!r}") from error


def check_document(document: Document, schema: Schema) -> tuple[Finding, ...]:
    """Everything in a document that its schema doesn't allow, each thing once. Raises ValueError."""
    try:
        return () if schema.accept(document.value) else tuple(_findings(document, schema))
    except _UNUSABLE as error:
        raise ValueError(f"it is no usable JSON Schema: {error!r}") from error


def _findings(document: Document, schema: Schema) -> dict[Finding, None]:
    refusals = [_refusal(error) for error in schema.validator.iter_errors(document.value)]
    mistyped = {refusal.path for refusal in refusals if refusal.keyword == "type"}
    findings: dict[Finding, None] = {}
    for refusal in refusals:
        if refusal.keyword != "type" and refusal.path in mistyped:
            continue  # one word about a value of the wrong type is enough
        for explanation in explain(refusal, document):
            path = (*refusal.path, *explanation.path)
            place = document.key_place(path) if explanation.at_key else document.place(path)
            problem = Problem(place, show_path(path), explanation.what, explanation.fix)
            about = refusal.path if refusal.keyword == "additionalProperties" else path
            findings[Finding(about, problem, usable=explanation.usable)] = None
    return findings


def _refusal(error: ValidationError) -> Refusal:
    schema: Any = error.schema
    path = tuple(error.absolute_path)
    of_key = "propertyNames" in error.absolute_schema_path
    return Refusal(path, error.instance, str(error.validator), error.validator_value, schema, of_key)


def _inline(schema: Any, definitions: Mapping[str, Any], depth: int) -> Any:
    """The schema with each reference replaced by what it refers to; keywords beside a reference win.

    jsonschema resolves references anew for every value, which would take most of the time.
    """
    if depth > _DEEPEST_SCHEMA:
        raise ValueError("a definition refers to itself")
    if isinstance(schema, list):
        return [_inline(item, definitions, depth + 1) for item in schema]
    if not isinstance(schema, dict):
        return schema
    own = {key: _inline(value, definitions, depth + 1) for key, value in schema.items() if key != "$ref"}
    if "$ref" not in schema:
        return own
    name = schema["$ref"].removeprefix(f"{COMMON}#/$defs/")
    return {**_inline(definitions[name], definitions, depth + 1), **own}


class _Walk:
    """The keywords that go down into an object, leaving out the values in it that are certainly valid."""

    def __init__(self) -> None:
        self.accepts: dict[int, Accept] = {}  # by the identity of the subschema, which the validator keeps alive

    def accepted(self, item: Any, schema: Any) -> bool:
        accept = self.accepts.get(id(schema)) or self.accepts.setdefault(id(schema), compile_accept(schema))
        return accept(item)

    def properties(self, validator: Any, value: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
        if validator.is_type(instance, "object"):
            for key in value.keys() & instance.keys():
                if not self.accepted(instance[key], value[key]):
                    yield from validator.descend(instance[key], value[key], path=key, schema_path=key)

    def additional(self, validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if value is False:
            yield from Draft202012Validator.VALIDATORS["additionalProperties"](validator, value, instance, schema)
        elif validator.is_type(instance, "object"):
            for key in instance.keys() - schema.get("properties", {}).keys():
                if not self.accepted(instance[key], value):
                    yield from validator.descend(instance[key], value, path=key)


def _validator(schema: Any) -> Any:
    walk = _Walk()
    keywords = {"additionalProperties": walk.additional, "properties": walk.properties, "pattern": _pattern}
    make: Any = extend  # jsonschema leaves it untyped
    return make(Draft202012Validator, keywords, type_checker=_TYPE_CHECKER)(schema)


def _pattern(validator: Any, value: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not compile_pattern(value).search(instance):
        yield ValidationError(f"{instance!r} does not match {value!r}")


# A whole number is written without a fraction: 1.0 is a slip, though JSON Schema would let it pass.
_TYPE_CHECKER: Final = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
