"""``codeopen part readme``: what READMEs of parts repeat of the catalog, checked or rewritten.

JSON: ``ok``, ``readmes``: rows of ``part``, ``file``, ``state`` (``current``, ``stale``, ``no-block``, ``unusable``: as
it was found) and ``problem``; ``written``: files.
"""

from __future__ import annotations

from codeopen.authoring.new_part.readmes import read_readmes, write_readmes
from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.part_names import parts_named


def run(invocation: Invocation) -> Outcome:
    """Check the READMEs of the parts that are named, or of all; with ``--write`` rewrite those that are stale."""
    options, catalog, checkout = invocation.options, read_catalog(invocation.catalog), checkout_of(invocation.catalog)
    named = [part for name in options.names for part in parts_named(catalog, name)[0]]
    readmes = read_readmes(catalog, checkout, named or None)
    written = write_readmes(readmes, checkout) if options.write else ()
    problems = [] if options.write else [readme.problem for readme in readmes if readme.problem]
    if invocation.format == "json":
        rows = [
            {"part": str(readme.part), "file": readme.file, "state": readme.state.value, "problem": readme.problem}
            for readme in readmes
        ]
        output = render_json({"ok": not problems, "readmes": rows, "written": list(written)})
    else:
        count = f"READMEs that repeat the catalog as it is: {len(readmes)}\n"
        output = "".join(f"written: {file}\n" for file in written) + ("" if problems else count)
    return Outcome(output, errors="".join(f"{problem}\n" for problem in problems), code=1 if problems else 0)
