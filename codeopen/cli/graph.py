"""``codeopen plan graph``: the parts as Mermaid, DOT, SVG, or JSON (see ``codeopen.model.plan.drawing.graph_data``)."""

from __future__ import annotations

from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.model.catalog.model import Catalog
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.drawing import draw_dot, draw_mermaid, graph_data
from codeopen.model.plan.parts import list_parts
from codeopen.model.plan.svg import draw_svg


def run(invocation: Invocation) -> Outcome:
    return Outcome(render_graph(read_catalog(invocation.catalog), invocation.format))


def render_graph(catalog: Catalog, output_format: str) -> str:
    """The graph in one of the command's formats."""
    parts = list_parts(catalog)
    match output_format:
        case "dot":
            return draw_dot(parts)
        case "svg":
            return draw_svg(catalog)
        case "json":
            return render_json(graph_data(parts))
        case _:
            return draw_mermaid(parts)
