"""The parts graph as text: JSON data, Mermaid for pages that render it, DOT for Graphviz."""

from __future__ import annotations

from typing import Any, Final

from codeopen.model.catalog.model import Status
from codeopen.model.plan.parts import Part, PartKind, parts_graph

_DOT_COLORS: Final = (
    (PartKind.BASE, "#1e3a5f", "#ffffff"),
    (PartKind.FLAVOR, "#d7f0ec", "#0b3b36"),
    (PartKind.ADDON, "#ffefd2", "#4a2a00"),
    (PartKind.COMPANION, "#efe4fb", "#3b1a5e"),
)


def graph_data(parts: tuple[Part, ...]) -> dict[str, Any]:
    """The graph as JSON types: ``nodes`` (part, kind, name, repository, status) and ``edges`` ([parent, child])."""
    return {
        "nodes": [
            {
                "part": str(part.id),
                "kind": part.id.kind.value,
                "name": part.name,
                "repository": part.repository,
                "status": part.status.value,
            }
            for part in parts
        ],
        "edges": [[str(parent), str(child)] for parent, child in parts_graph(parts).edges],
    }


def draw_mermaid(parts: tuple[Part, ...]) -> str:
    """A Mermaid flowchart; planned parts are dashed."""
    lines = ["flowchart BT"]
    for part in parts:
        style = "planned" if part.status is Status.PLANNED else part.id.kind.value
        lines.append(f'  {_node(part)}["{_mermaid_text(part.name)}<br/>{part.repository}"]:::{style}')
    by_id = {part.id: part for part in parts}
    lines += [f"  {_node(by_id[parent])} --> {_node(by_id[child])}" for parent, child in parts_graph(parts).edges]
    lines += [f"  classDef {kind} fill:{fill},stroke:#475569,color:{text}" for kind, fill, text in _DOT_COLORS]
    lines.append("  classDef planned fill:#f8fafc,stroke:#64748b,color:#475569,stroke-dasharray:4 3")
    return "\n".join(lines) + "\n"


def draw_dot(parts: tuple[Part, ...]) -> str:
    """A Graphviz digraph, the base at the bottom; planned parts are dashed."""
    colors = {kind: (fill, text) for kind, fill, text in _DOT_COLORS}
    lines = ["digraph parts {", "  rankdir=BT;", '  node [shape=box, style="rounded,filled", fontname="sans-serif"];']
    for part in parts:
        fill, text = colors[part.id.kind]
        planned = ', style="rounded,dashed"' if part.status is Status.PLANNED else f', fillcolor="{fill}"'
        color = "" if part.status is Status.PLANNED else f', fontcolor="{text}"'
        label = f"{_dot_text(part.name)}\\n{part.repository}"
        lines.append(f'  "{part.id}" [label="{label}"{planned}{color}];')
    lines += [f'  "{parent}" -> "{child}";' for parent, child in parts_graph(parts).edges]
    return "\n".join([*lines, "}"]) + "\n"


def _node(part: Part) -> str:
    # Mermaid reads some words (as "end" or "class") as its own, so nodes carry their kind.
    return f"{part.id.kind.value}_{part.id.id.replace('-', '_')}"


def _mermaid_text(text: str) -> str:
    return text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")


def _dot_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
