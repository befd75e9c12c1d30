"""Hostile and huge catalogs end soon, in bounded memory. The bounds are of correctness, many times what is measured."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from codeopen.model.catalog.source import parse
from tests.unit.model.catalog.copies import ROOT, Copy

SECONDS = 20.0
MEGABYTES = 600

READ = """
import resource, sys, time
from pathlib import Path
from codeopen.model.catalog.read import read_catalog
from codeopen.errors import CatalogError
start = time.process_time()
try:
    count = len(read_catalog(Path(sys.argv[1])).addons)
except CatalogError as error:
    count = -len(error.problems)
print(count, time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def _many(copy: Copy, count: int, change: tuple[str, str] = ("", "")) -> None:
    """Add add-ons made like ``jvm``, but planned; ``change`` is made in each, with ``{n}`` as its number."""
    text = copy.text("addons.yaml")
    entry = text[text.index("  jvm:\n") : text.index("  security:\n")].replace("status: available", "status: planned")
    entry = re.sub(r"    checks:\n(?:      .*\n)+", "    checks: []\n", entry)
    entries = []
    for n in range(count):
        added = entry.replace("  jvm:", f"  x{n}:").replace("image_suffix: jvm", f"image_suffix: x{n}")
        added = re.sub(r"(sort_order|layer_order): .*", rf"\1: {n + 100}", added)
        entries.append(added.replace(change[0], change[1].format(n=n, next=(n + 1) % count)) if change[0] else added)
    copy.append("addons.yaml", "\n" + "".join(entries))


def _measure(copy: Copy) -> tuple[int, float, float]:
    run = subprocess.run(
        [sys.executable, "-c", READ, str(copy.directory)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    count, seconds, megabytes = run.stdout.split()
    return int(count), float(seconds), float(megabytes)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("", ""), 10_008),
        (("status: planned", "status: planed"), -10_000),
        (("requires_addons: []", "requires_addons: [x{next}]"), -10_001),
    ],
    ids=["sound", "each-wrong", "one-great-cycle"],
)
def test_ten_thousand_addons(change: tuple[str, str], expected: int, tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    _many(copy, 10_000, change)
    count, seconds, megabytes = _measure(copy)
    assert count == expected
    assert seconds < SECONDS
    assert megabytes < MEGABYTES


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(20)
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "a: " + "[" * 100_000,
        "a: " + "{a: " * 100_000,
        "- " * 100_000,
        "a: 1\n" * 200_000,
        "? " * 100_000,
        "a: '" + "\n" * 500_000 + "'",
        "a: " + "9" * 1_000_000,
        "a: &a {<<: *a}",
        "- &x\n" * 100_000,
    ],
    ids=["aliases", "lists", "mappings", "nested-items", "same-key", "keys", "breaks", "digits", "itself", "anchors"],
)
def test_hostile_texts(text: str) -> None:
    start = time.process_time()
    document, problems = parse("x.yaml", text)
    assert time.process_time() - start < SECONDS
    assert document is not None or problems


def test_a_bomb_is_refused_at_its_first_anchor() -> None:
    document, problems = parse("x.yaml", BOMB)
    assert document is None
    assert [str(problem) for problem in problems] == [
        "x.yaml:1:4: a: the anchor &a is not allowed; remove it, and write values out"
    ]
