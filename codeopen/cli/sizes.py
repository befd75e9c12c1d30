"""``codeopen part sizes``: measured sizes beside the catalog's, or in their place.

JSON: ``ok``; ``differences``: rows of ``part``, ``file``, ``line``, ``catalog_mb`` (null where it has none) and
``measured_mb``; ``stale``: files that would change, or ``written``: files that did.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codeopen.authoring.new_part.replacing import replace_file
from codeopen.authoring.part_test.sizes import PAGE, Difference, put_sizes
from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.images.popular.read_use import read_limited
from codeopen.images.popular.sizes import parse_trials
from codeopen.model.catalog.read import read_catalog


def run(invocation: Invocation) -> Outcome:
    """Compare the catalog and the page with what trials measured, the last file first; with ``--write`` change them."""
    options, folder = invocation.options, invocation.catalog
    trials: dict[str, Mapping[str, Any]] = {}
    for file in options.files:
        trials |= parse_trials(file, read_limited(Path(file)))
    sized = put_sizes(read_catalog(folder), folder, checkout_of(folder) / PAGE, trials)
    if options.write:
        for path, text in sized.texts.items():
            replace_file(path, text.encode(), path.with_name(f".{path.name}.part"))
    ok, files = options.write or not sized.texts, [str(path) for path in sized.texts]
    word = "written" if options.write else "stale"
    if invocation.format == "json":
        output = render_json({"ok": ok, "differences": [_data(each) for each in sized.differences], word: files})
    else:
        output = "".join(f"{_line(each)}\n" for each in sized.differences) + "".join(
            f"{word}: {file}\n" for file in files
        )
    return Outcome(output or "The sizes are as they were measured.\n", code=0 if ok else 1)


def _line(difference: Difference) -> str:
    had = f"{difference.catalog_mb:,} MB" if difference.catalog_mb is not None else "no size"
    return f"{difference.place}: {difference.part}: {had} in the catalog, measured {difference.measured_mb:,} MB"


def _data(difference: Difference) -> dict[str, Any]:
    place = {"file": difference.place.file, "line": difference.place.line}
    sizes = {"catalog_mb": difference.catalog_mb, "measured_mb": difference.measured_mb}
    return {"part": difference.part, **place, **sizes}
