"""The fields of the catalog's files, made from their JSON Schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from reference_pages.table import render_table

_COMMON: Final = "common.schema.json"
_INTRODUCTION: Final = """\
# Catalog fields

The catalog is YAML, one file for each kind of data. `codeopen catalog check` reports every problem with its file, line
and column. Editors with a YAML language server check and complete the files by the schemas in `catalog/schema/`."""

Schema = dict[str, Any]


def render_catalog(folder: Path) -> str:
    """The page in Markdown."""
    schemas = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))}
    common: dict[str, Schema] = schemas.pop(_COMMON)["$defs"]
    sections = [_INTRODUCTION]
    for name, schema in schemas.items():
        sections.append(f"## `catalog/{name.removesuffix('.schema.json')}.yaml`\n\n{schema['description']}")
        sections += _records(schema, "", common)
    sections.append("## Shared records")
    for name in ("port", "commandCheck", "portCheck"):
        record = common[name]
        sections.append(f"### {record['title']}\n\n{record['description']}\n\n{_table(record, common)}")
    return "\n\n".join(sections) + "\n"


def _records(schema: Schema, path: str, common: dict[str, Schema]) -> Iterator[str]:
    """A table for each record below a schema, the outer ones first. Shared records have sections of their own."""
    if "properties" in schema and path:
        yield f"### `{path}`\n\n{schema.get('description', '')}\n\n{_table(schema, common)}".replace("\n\n\n\n", "\n\n")
    for name, field in schema.get("properties", {}).items():
        yield from _records(field, f"{path}.{name}" if path else name, common)
    if isinstance(schema.get("items"), dict):
        yield from _records(schema["items"], f"{path}[]", common)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _records(schema["additionalProperties"], f"{path}.<id>", common)


def _table(record: Schema, common: dict[str, Schema]) -> str:
    required = record.get("required", [])
    rows = []
    for name, given in record["properties"].items():
        field = {**common[given["$ref"].rpartition("/")[2]], **given} if "$ref" in given else given
        rows.append((f"`{name}`", _type(field), "yes" if name in required else "", field.get("description", "")))
    return render_table(("Field", "Type", "Required", "Meaning"), rows)


def _type(field: Schema) -> str:
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    kind = field.get("type", "")
    kinds = {"array": "list", "object": "mapping", "string": "text", "boolean": "true or false", "null": "null"}
    return " or ".join(kinds.get(each, each) for each in ([kind] if isinstance(kind, str) else kind))
