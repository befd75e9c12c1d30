"""The page that tells every key of ``codeopen:cluster``, made from the settings themselves."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints

from codeopen.environment.cluster_settings import ClusterSettings
from codeopen.environment.read_cluster import camel_case
from codeopen.model.catalog.pool_platforms import POOL_PLATFORMS
from reference_pages.table import render_table

TITLE = "`codeopen:cluster`"
_INTRODUCTION = """\
Set `codeopen:cluster` in a stack's configuration to target a Kubernetes cluster. Without it, the stack's projects run
on this machine's Docker Engine. How-to: [connect a cluster](../how-to/connect-a-cluster.md)."""
_NAMES = {str: "text", int: "whole number", bool: "true or false"}


def render_reference() -> str:
    """The page in Markdown."""
    sections = [f"# {TITLE}", _INTRODUCTION, *_sections(ClusterSettings, "codeopen:cluster"), _pool_platforms()]
    return "\n\n".join(sections) + "\n"


def _pool_platforms() -> str:
    rows = [
        (
            f"`{each.id}`",
            f"`{each.machines}`",
            ", ".join(f"`{camel_case(name)}`" for name in each.needs),
            "yes" if each.cuts_gpus else "",
        )
        for each in POOL_PLATFORMS.values()
    ]
    table = render_table(("`platform`", "Machines", "Needs of `codeopen:cluster.cloud`", "`mig`"), rows)
    return f"## Platforms of `codeopen:cluster.gpuPools`\n\n{table}"


def _sections(kind: type, path: str) -> Iterator[str]:
    hints = get_type_hints(kind)
    nested: list[tuple[type, str]] = []
    rows = ["| Key | Type | Default |", "|---|---|---|"]
    for field in fields(kind):
        key = camel_case(field.name)
        inner = _record(hints[field.name])
        if inner is not None:
            nested.append((inner, f"{path}.{key}{'[]' if get_origin(hints[field.name]) is tuple else ''}"))
        rows.append(f"| `{key}` | {_type(hints[field.name])} | {_default(field, inner)} |")
    yield f"## `{path}`\n\n{_words(kind)}\n\n" + "\n".join(rows)
    for inner, name in nested:
        yield from _sections(inner, name)


def _words(kind: type) -> str:
    """The class's description, with its fields in the words of the configuration."""
    text = inspect.cleandoc(kind.__doc__ or "").replace("``", "`")
    for field in sorted(fields(kind), key=lambda each: -len(each.name)):
        text = text.replace(f"`{field.name}`", f"`{camel_case(field.name)}`")
    return text


def _record(hint: Any) -> type | None:
    """The settings that a key holds, alone or in a list."""
    candidates = get_args(hint) if get_origin(hint) in {Union, types.UnionType, tuple} else (hint,)
    return next((each for each in candidates if isinstance(each, type) and is_dataclass(each)), None)


def _type(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return _type(inner[0])
    if origin is tuple:
        return "list, see below" if is_dataclass(inner[0]) else "list"
    if origin is not None and issubclass(origin, Mapping):
        return "mapping"
    if issubclass(hint, StrEnum):
        return " or ".join(f"`{member.value}`" for member in hint)
    return "mapping, see below" if is_dataclass(hint) else _NAMES[hint]


def _default(field: Field[Any], inner: type | None) -> str:
    if field.default is MISSING and field.default_factory is MISSING:
        return "required"
    if inner is not None or field.default in {None, "", ()}:
        return ""
    value = field.default_factory() if field.default_factory is not MISSING else field.default
    if isinstance(value, Mapping):
        return ", ".join(f"`{name}: {text}`" for name, text in value.items())
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
