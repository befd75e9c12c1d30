"""The picture of the layers: base at the bottom, flavors on it, then add-ons and companions, with sizes and ports.

Drawn here without any dependency, in whole pixels, so that the same catalog gives the same bytes. Colours keep a
contrast of at least 4.5 to 1 between text and ground (WCAG 2.2, success criterion 1.4.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from codeopen.model.catalog.model import Addon, Base, Catalog, Companion, Flavor, Port, Status

_WIDTH: Final = 1080
_MARGIN: Final = 24
_BOXES_LEFT: Final = 76  # leaves room for the trunk
_TRUNK: Final = 50
_GAP: Final = 14
_PADDING: Final = 10
_MOST_IN_ROW: Final = 6
_BOX_HEIGHT: Final = 90
_BUS: Final = 18  # from the bottom of a row of boxes to the line below it
_ROW_HEIGHT: Final = _BOX_HEIGHT + _BUS + 16
_PANEL_HEAD: Final = 40
_HEADER: Final = 84
_CHARACTER: Final = 7  # average width of a small character, to cut texts that don't fit

_STYLE: Final = """\
    text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", Helvetica, Arial, sans-serif; }
    .title { font-size: 22px; font-weight: 700; fill: #0f172a; }
    .subtitle { font-size: 14px; fill: #475569; }
    .panel { fill: #f8fafc; stroke: #e2e8f0; }
    .heading { font-size: 13px; font-weight: 700; letter-spacing: 1px; fill: #334155; }
    .note { font-size: 13px; fill: #475569; }
    .line { fill: none; stroke: #64748b; stroke-width: 2; stroke-linejoin: round; }
    .name { font-size: 15px; font-weight: 700; }
    .small { font-size: 12px; }
    .tag { font-size: 11px; font-weight: 700; }
    .base { fill: #1e3a5f; stroke: #1e3a5f; } .on-base { fill: #ffffff; }
    .flavor { fill: #d7f0ec; stroke: #0f766e; } .on-flavor { fill: #0b3b36; }
    .addon { fill: #ffefd2; stroke: #b45309; } .on-addon { fill: #4a2a00; }
    .planned { fill: #ffffff; stroke: #64748b; stroke-dasharray: 5 4; } .on-planned { fill: #475569; }
    .tag-flavor { fill: #0f766e; } .tag-addon { fill: #92400e; } .tag-base { fill: #0f2440; } .on-tag { fill: #ffffff; }
"""


@dataclass(frozen=True, slots=True)
class _Box:
    """What is written in one box; ``style`` is base, flavor, addon or planned."""

    style: str
    name: str
    lines: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Panel:
    """One layer: a heading, a note, and rows of boxes."""

    heading: str
    note: str
    rows: tuple[tuple[_Box, ...], ...]

    @property
    def height(self) -> int:
        return _PANEL_HEAD + len(self.rows) * _ROW_HEIGHT


def draw_svg(catalog: Catalog) -> str:
    """The catalog's layers as an SVG document."""
    addons = sorted(catalog.addons.values(), key=lambda addon: addon.status is Status.PLANNED)
    companions = _rows([_companion_box(companion) for companion in catalog.companions.values()])
    panels = (
        *([_Panel("COMPANIONS", "not selected: taken by what has both", companions)] if companions else []),
        _Panel("ADD-ONS", "optional, any set of them on any flavor", _rows([_addon_box(addon) for addon in addons])),
        _Panel("FLAVORS", "choose one", _rows([_flavor_box(flavor) for flavor in catalog.flavors.values()])),
    )
    widest = max((len(row) for panel in panels for row in panel.rows), default=1)
    width = (_WIDTH - _MARGIN - _GAP - _BOXES_LEFT - (widest - 1) * _GAP) // widest
    body: list[str] = []
    top, buses = _HEADER, []
    for panel in panels:
        body.append(_draw_panel(panel, top))
        for number, row in enumerate(panel.rows):
            row_top = top + _PANEL_HEAD + number * _ROW_HEIGHT
            buses.append(row_top + _BOX_HEIGHT + _BUS)
            body += _draw_row(row, row_top, width)
        top += panel.height + _GAP
    body += _draw_base(_base_box(catalog.base), top)
    if buses:
        body.append(f'  <path class="line" d="M{_TRUNK} {top}V{buses[0] + 8}"/>')
    return "\n".join([*_head(catalog, top + _BOX_HEIGHT + _MARGIN), *body, "</svg>"]) + "\n"


def _rows(boxes: Sequence[_Box]) -> tuple[tuple[_Box, ...], ...]:
    """Rows of equal length as far as possible; planned boxes have rows of their own."""
    rows: list[tuple[_Box, ...]] = []
    for planned in (False, True):
        chosen = [box for box in boxes if (box.style == "planned") is planned]
        count = -(-len(chosen) // _MOST_IN_ROW)
        length = -(-len(chosen) // count) if count else 1
        rows += [tuple(chosen[start : start + length]) for start in range(0, len(chosen), length)]
    return tuple(rows)


def _flavor_box(flavor: Flavor) -> _Box:
    planned = flavor.status is Status.PLANNED
    tags = ("planned",) if planned else ("default",) if flavor.is_default else ()
    size = f"about {_size(flavor.estimated_size_mb)}"
    return _Box("planned" if planned else "flavor", flavor.id, (flavor.name, size), tags)


def _addon_box(addon: Addon) -> _Box:
    extras = [f"+{addon.extra_cpu} CPU"] if addon.extra_cpu.millicores else []
    extras += [f"+{addon.extra_memory}"] if addon.extra_memory.bytes else []
    extras += [f"{addon.gpus} GPU"] if addon.gpus else []
    if addon.status is Status.PLANNED:
        return _Box("planned", addon.id, (addon.name, ", ".join(extras)), ("planned",))
    tags = (*_ports(addon.extra_ports), *((f"from {addon.requires_tier}",) if addon.requires_tier else ()))
    return _Box("addon", addon.id, (addon.name, ", ".join(extras) or "no extra resources"), tags)


def _companion_box(companion: Companion) -> _Box:
    tags = (f"with {', '.join(companion.with_addons)}",)
    return _Box("addon", companion.id, (companion.name, ", ".join(companion.with_flavors)), tags)


def _base_box(base: Base) -> _Box:
    tools = ", ".join(base.tools)
    return _Box("base", "base", (tools, f"always there, about {_size(base.estimated_size_mb)}"), _ports(base.ports))


def _ports(ports: Sequence[Port]) -> tuple[str, ...]:
    return tuple(f"port {port.port}" for port in ports)


def _size(megabytes: int) -> str:
    return f"{megabytes} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB".replace(".0 ", " ")  # noqa: PLR2004  a GB


def _head(catalog: Catalog, height: int) -> list[str]:
    description = (
        f"Three layers. The base holds {', '.join(catalog.base.tools)}. On it stand the flavors "
        f"{', '.join(catalog.flavors)} and the add-ons {', '.join(catalog.addons)}."
    )
    return [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}"'
            f' height="{height}" role="img" aria-labelledby="layers-title layers-description">'
        ),
        '  <title id="layers-title">Layers of a CodeOpen image</title>',
        f'  <desc id="layers-description">{escape(description)}</desc>',
        f"  <style>\n{_STYLE}  </style>",
        (
            '  <defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="5" markerHeight="5"'
            ' orient="auto"><path d="M0 0L8 4L0 8z" fill="#64748b"/></marker></defs>'
        ),
        f'  <rect width="{_WIDTH}" height="{height}" rx="16" fill="#ffffff"/>',
        f'  <text class="title" x="{_MARGIN}" y="42">Layers of a CodeOpen image</text>',
        (
            f'  <text class="subtitle" x="{_MARGIN}" y="66">One image is the base, one flavor and any add-ons. '
            "Every box has a Dockerfile of its own.</text>"
        ),
    ]


def _draw_panel(panel: _Panel, top: int) -> str:
    return (
        f'  <rect class="panel" x="{_MARGIN}" y="{top}" width="{_WIDTH - 2 * _MARGIN}" height="{panel.height}"'
        f' rx="14"/>\n'
        f'  <text x="{_BOXES_LEFT}" y="{top + 26}"><tspan class="heading">{panel.heading}</tspan>'
        f'<tspan class="note" dx="12">{panel.note}</tspan></text>'
    )


def _draw_row(row: Sequence[_Box], top: int, width: int) -> list[str]:
    """A row of boxes with the line below it, from the trunk, and an arrow up into each box."""
    lefts = [_BOXES_LEFT + number * (width + _GAP) for number in range(len(row))]
    bottom = top + _BOX_HEIGHT
    bus = bottom + _BUS
    drawn = [f'  <path class="line" d="M{_TRUNK} {bus + 8}q0 -8 8 -8H{lefts[-1] + width // 2}"/>']
    for box, left in zip(row, lefts, strict=True):
        middle = left + width // 2
        drawn.append(f'  <path class="line" marker-end="url(#arrow)" d="M{middle} {bus}V{bottom + 2}"/>')
        drawn += _draw_box(box, left, top, width)
    return drawn


def _draw_base(box: _Box, top: int) -> list[str]:
    return _draw_box(box, _MARGIN, top, _WIDTH - 2 * _MARGIN)


def _draw_box(box: _Box, left: int, top: int, width: int) -> list[str]:
    text_left = left + _PADDING if box.style != "base" else _BOXES_LEFT + _PADDING
    room = left + width - _PADDING - text_left
    drawn = [
        (
            f'  <rect class="{box.style}" x="{left}" y="{top}" width="{width}" height="{_BOX_HEIGHT}" rx="10"'
            ' stroke-width="1.5"/>'
        ),
        f'  <text class="name on-{box.style}" x="{text_left}" y="{top + 24}">{escape(box.name)}</text>',
    ]
    for number, line in enumerate(box.lines):
        baseline = top + 43 + 17 * number
        text = _cut(line, room // _CHARACTER)
        drawn.append(f'  <text class="small on-{box.style}" x="{text_left}" y="{baseline}">{escape(text)}</text>')
    for tag in box.tags:
        tag_width = len(tag) * _CHARACTER + 12
        tag_style = "tag-addon" if box.style == "addon" else "tag-base" if box.style == "base" else "tag-flavor"
        if box.style == "planned":
            drawn.append(f'  <text class="tag on-planned" x="{text_left}" y="{top + 80}">{escape(tag)}</text>')
            continue
        drawn += [
            f'  <rect class="{tag_style}" x="{text_left}" y="{top + 68}" width="{tag_width}" height="16" rx="8"/>',
            f'  <text class="tag on-tag" x="{text_left + 7}" y="{top + 80}">{escape(tag)}</text>',
        ]
        text_left += tag_width + 6
    return drawn


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3].rstrip(" ,") + "..."
