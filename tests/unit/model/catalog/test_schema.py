"""The schemas are schemas, say the same as the code, and help where editors show them."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from codeopen.errors import QuantityError
from codeopen.model.catalog.accept import compile_accept, compile_pattern
from codeopen.model.catalog.draft import TOPICS
from codeopen.model.catalog.schema import load_schema
from codeopen.model.catalog.source import parse
from codeopen.model.quantity import Cpu, Memory
from tests.unit.model.catalog.copies import REAL

SCHEMAS = {path.name: json.loads(path.read_text("utf-8")) for path in sorted((REAL / "schema").iterdir())}
COMMON = SCHEMAS["common.schema.json"]["$defs"]


def _value(topic: str) -> Any:
    document, _ = parse(topic, (REAL / f"{topic}.yaml").read_text("utf-8"))
    assert document is not None
    return document.value


def _nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each place in a value: the mapping or list, and the key or index in it."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _nodes(value[key])


def test_there_is_a_schema_for_each_file() -> None:
    assert set(SCHEMAS) == {f"{topic}.schema.json" for topic in (*TOPICS, "common")}


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_they_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("topic", TOPICS)
def test_editors_find_the_schema(topic: str) -> None:
    first = (REAL / f"{topic}.yaml").read_text("utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema=schema/{topic}.schema.json"


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_object_is_closed_and_every_key_explained(name: str) -> None:
    for holder, key in _nodes(SCHEMAS[name]):
        if key == "properties" and "required" in holder and "type" in holder:
            assert holder["additionalProperties"] is False
            for property_name, schema in holder["properties"].items():
                own = schema | (COMMON[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else {})
                assert own.get("description"), property_name
        if key == "pattern":
            assert holder["pattern"].startswith("^")
            assert holder["pattern"].endswith("$")
            assert holder["patternErrorMessage"]


def _plain_validator(topic: str) -> Any:
    """jsonschema as it comes, with references resolved by its own registry."""
    resources = [(name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items()]
    registry: Registry[Any] = Registry().with_resources(resources)
    make: Any = Draft202012Validator
    return make(SCHEMAS[f"{topic}.schema.json"], registry=registry)


SPOILERS: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**9,
    1.5,
    "",
    "x",
    "X y",
    "a-b",
    "2Gi",
    [],
    ["x"],
    ["x", "x"],
    {},
    {"x": 1},
)


@pytest.mark.parametrize("topic", TOPICS)
def test_the_quick_answer_is_the_slow_one(topic: str) -> None:
    """On the real data and 60 spoilt copies: what is accepted at once is valid, and what is not is refused."""
    dice = random.Random(f"quick {topic}")  # noqa: S311  a test's own sequence
    schema = load_schema(json.dumps(SCHEMAS[f"{topic}.schema.json"]), json.dumps(SCHEMAS["common.schema.json"]))
    plain = _plain_validator(topic)
    real = _value(topic)
    assert schema.accept(real)
    assert plain.is_valid(real)
    for _ in range(60):
        value = copy.deepcopy(real)
        holder, key = dice.choice(list(_nodes(value)))
        if dice.random() < 0.3:
            del holder[key]
        else:
            holder[key] = dice.choice(SPOILERS)
        valid = plain.is_valid(value)
        assert schema.accept(value) == valid
        assert schema.validator.is_valid(value) == valid


def test_the_quick_answer_leaves_what_it_does_not_know_to_jsonschema() -> None:
    assert not compile_accept({"format": "date"})("2026-11-01")
    assert not compile_accept({"if": {"minLength": 2}, "then": {}})("x")
    assert compile_accept({"properties": {"a": True}})({"a": 1})


quantity_texts = st.from_regex(r"[0-9]{1,13}(\.[0-9]{1,4})?(m|Ki|Mi|Gi|Ti|K|)?\n?", fullmatch=True)


@given(quantity_texts)
def test_patterns_of_quantities_are_those_of_the_code(text: str) -> None:
    for name, parse_quantity in (("cpu", Cpu.parse), ("memory", Memory.parse)):
        matches = compile_pattern(COMMON[name]["pattern"]).search(text) is not None
        assert matches == (_refusal(parse_quantity, text) in {"", "too much"})


def _refusal(parse_quantity: Callable[[str], object], text: str) -> str:
    try:
        parse_quantity(text)
    except QuantityError as error:
        return "too much" if "more memory than any machine has" in str(error) else "no quantity"
    return ""


def test_a_pattern_ends_where_the_text_ends() -> None:
    assert not compile_pattern("^a$").search("a\n")
    assert re.search("^a$", "a\n")
