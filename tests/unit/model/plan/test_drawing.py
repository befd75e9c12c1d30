from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import combinations

from codeopen.model.plan.drawing import draw_dot, draw_mermaid, graph_data
from codeopen.model.plan.parts import list_parts
from codeopen.model.plan.svg import draw_svg
from tests.unit.catalogs import make_addon, make_catalog, make_flavor

SVG = "{http://www.w3.org/2000/svg}"
CATALOG = make_catalog()
HOSTILE = make_catalog(flavors=[replace(make_flavor("js"), name='a"<b>&#c\\')])


def test_every_part_and_edge_is_drawn_as_text() -> None:
    parts = list_parts(CATALOG)
    data = graph_data(parts)
    assert len(data["nodes"]) == len(data["edges"]) + 1 == 15
    mermaid, dot = draw_mermaid(parts), draw_dot(parts)
    assert mermaid.count(" --> ") == dot.count(" -> ") == 14
    assert mermaid.count(":::planned") == dot.count("dashed") == 3
    assert all(part.repository in mermaid and part.repository in dot for part in parts)


def test_names_cannot_break_the_text() -> None:
    parts = list_parts(HOSTILE)
    assert '["a#quot;#lt;b#gt;&#35;c\\<br/>codeopen-js"]' in draw_mermaid(parts)
    assert 'label="a\\"<b>&#c\\\\\\ncodeopen-js"' in draw_dot(parts)


def test_the_picture_is_well_formed_and_described() -> None:
    root = ET.fromstring(draw_svg(CATALOG))  # noqa: S314  our own output
    assert root.attrib["role"] == "img"
    ids = {child.attrib.get("id") for child in root}
    assert set(root.attrib["aria-labelledby"].split()) <= ids
    assert root.findtext(f"{SVG}title")
    description = root.findtext(f"{SVG}desc") or ""
    assert all(name in description for name in (*CATALOG.flavors, *CATALOG.addons))


def test_the_picture_shows_every_part_with_its_size_extras_and_ports() -> None:
    texts = ["".join(text.itertext()) for text in ET.fromstring(draw_svg(CATALOG)).iter(f"{SVG}text")]  # noqa: S314  our own output
    for name in ("base", *CATALOG.flavors, *CATALOG.addons):
        assert texts.count(name) == 1, name
    assert texts.count("about 800 MB") == 6
    assert texts.count("planned") == 3
    for shown in (
        "port 4096",
        "port 4097",
        "port 6080",
        "port 8080",
        "+2 CPU, +4Gi",
        "+512Mi",
        "from creator",
        "default",
    ):
        assert shown in texts
    assert "Three layers" in draw_svg(HOSTILE), "and names are escaped"


def test_boxes_never_overlap_and_stay_inside() -> None:
    for count in (0, 1, 6, 7, 13):
        catalog = make_catalog(addons=[make_addon(f"a{number}") for number in range(count)])
        root = ET.fromstring(draw_svg(catalog))  # noqa: S314  our own output
        width, height = int(root.attrib["width"]), int(root.attrib["height"])
        boxes = [
            tuple(int(rect.attrib[key]) for key in ("x", "y", "width", "height"))
            for rect in root.findall(f"{SVG}rect")
            if rect.attrib.get("class") in {"base", "flavor", "addon", "planned"}
        ]
        assert len(boxes) == 1 + 6 + count
        assert all(w >= 140 for _, _, w, _ in boxes), "names fit"
        assert all(x >= 0 and y >= 0 and x + w <= width and y + h <= height for x, y, w, h in boxes)
        for (x, y, w, h), (x2, y2, w2, h2) in combinations(boxes, 2):
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2, definitions)."""
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_texts_can_be_read_on_their_ground() -> None:
    fills = dict(re.findall(r"\.([a-z-]+) \{[^}]*fill: (#[0-9a-f]{6})", draw_svg(CATALOG)))
    grounds = [(f"on-{style}", style) for style in ("base", "flavor", "addon", "planned")]
    grounds += [("on-tag", style) for style in ("tag-base", "tag-flavor", "tag-addon")]
    grounds += [("heading", "panel"), ("note", "panel"), ("title", "planned"), ("subtitle", "planned")]
    for text, ground in grounds:
        dark, light = sorted((luminance(fills[text]), luminance(fills[ground])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)
