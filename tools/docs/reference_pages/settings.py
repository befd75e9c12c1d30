"""The keys of a stack's configuration, made from their declarations in Pulumi.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from reference_pages.table import render_table

_INTRODUCTION: Final = """\
# Stack settings

Keys of `stacks/Pulumi.<stack>.yaml`. How-to: [add a stack](../how-to/add-a-stack.md)."""
_SECRETS: Final = """\
Kubernetes environments have secrets as well, e.g. `codeopen:registryLogin`: see
[run a registry in the cluster](../how-to/run-a-registry-in-the-cluster.md#2-set-its-secrets)."""


def render_settings(file: Path) -> str:
    """The page in Markdown."""
    declared: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["config"]
    rows = [
        (f"`{key}`", _type(entry), _default(entry["default"]), entry["description"])
        for key, entry in sorted(declared.items())
    ]
    table = render_table(("Key", "Type", "Default", "Meaning"), rows)
    return f"{_INTRODUCTION}\n\n{table}\n\n{_SECRETS}\n"


def _type(entry: dict[str, Any]) -> str:
    return f"list of {entry['items']['type']}s" if entry["type"] == "array" else str(entry["type"])


def _default(value: Any) -> str:
    if value in ("", [], {}):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`".replace("'", "")
