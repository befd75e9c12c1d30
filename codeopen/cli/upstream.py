"""``codeopen upstream list`` and ``upstream update``: what is pinned where, and renewing it.

JSON of ``list``: ``pins``: rows of ``name``, ``kind``, ``version``, ``constraint``, ``file`` and ``line``; ``locks``:
rows of ``file``, ``kind``, ``hold`` (why it isn't renewed by itself; empty where it is) and ``asked`` (``package``,
``version``, ``file``, ``line``). JSON of ``update``: ``renewals``: rows of ``name``, ``kind``, ``state`` (``current``,
``moved``, ``failed``, ``by-hand``), ``before``, ``after``, ``files`` and ``reason``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from codeopen.authoring.upstreams.inventory import Inventory, read_inventory
from codeopen.authoring.upstreams.renewal import Renewal, State, renew
from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.exit_codes import FAILED, WOULD_CHANGE
from codeopen.cli.table import render_table
from codeopen.errors import Place


def list_all(invocation: Invocation) -> Outcome:
    """Print the inventory."""
    inventory = read_inventory(checkout_of(invocation.catalog), invocation.catalog)
    if invocation.format == "json":
        return Outcome(render_json(_inventory_data(inventory)))
    pins = [
        (pin.name, pin.kind, pin.version, pin.constraint, f"{pin.place.file}:{pin.place.line}")
        for pin in inventory.pins
    ]
    locks = [(lock.path, lock.kind, str(len(lock.asked)), lock.hold) for lock in inventory.locks]
    return Outcome(
        render_table(("PIN", "KIND", "VERSION", "STAYS WITHIN", "PLACE"), pins)
        + "\n"
        + render_table(("LOCK FILE", "KIND", "ASKS FOR", "BY HAND"), locks)
        + f"\n{len(pins)} pins, {len(locks)} lock files\n"
    )


def update(invocation: Invocation) -> Outcome:
    """Renew what is named, or all.

    Exit codes: 0 done, or nothing moves; 3 with ``--check`` where something would move; 1 where something could not be
    asked or made, and with ``--check`` nothing moves.
    """
    options = invocation.options
    checkout = checkout_of(invocation.catalog)
    done = list(_told(renew(checkout, invocation.catalog, options.names, write=not options.check), check=options.check))
    failed = any(each.state is State.FAILED for each in done)
    moves = any(each.state is State.MOVED for each in done)
    code = WOULD_CHANGE if options.check and moves else FAILED if failed else 0
    if invocation.format == "json":
        return Outcome(render_json({"renewals": [asdict(each) for each in done]}), code=code)
    return Outcome(_summary(done, check=options.check), code=code)


def _told(renewals: Iterable[Renewal], *, check: bool) -> Iterable[Renewal]:
    """Each as it is done, with a line about it on stderr: all of them take minutes."""
    for renewal in renewals:
        sys.stderr.write(f"  {_line(renewal, check=check)}\n")
        sys.stderr.flush()
        yield renewal


def _line(renewal: Renewal, *, check: bool) -> str:
    versions = f" {renewal.before} → {renewal.after}" if renewal.after != renewal.before else ""
    word = "would move" if check and renewal.state is State.MOVED else renewal.state
    reason = f": {renewal.reason}" if renewal.reason else ""
    return f"{renewal.name} ({renewal.kind}) {word}{versions}{reason}"


def _summary(done: list[Renewal], *, check: bool) -> str:
    counts = [(state, sum(each.state is state for each in done)) for state in State]
    moved = "would move" if check else "moved"
    words = {State.CURRENT: "current", State.MOVED: moved, State.FAILED: "failed", State.BY_HAND: "by hand"}
    files = sorted({file for each in done for file in each.files})
    listed = "".join(f"  {file}\n" for file in files)
    title = "Files that would change:\n" if check else "Changed files:\n"
    return (title + listed if files else "") + ", ".join(f"{count} {words[state]}" for state, count in counts) + "\n"


def _inventory_data(inventory: Inventory) -> dict[str, Any]:
    pins = [
        {"name": pin.name, "kind": pin.kind, "version": pin.version, "constraint": pin.constraint, **_place(pin.place)}
        for pin in inventory.pins
    ]
    locks = [
        {
            "file": lock.path,
            "kind": lock.kind,
            "hold": lock.hold,
            "asked": [
                {"package": asked.package, "version": asked.version, **_place(asked.place)} for asked in lock.asked
            ],
        }
        for lock in inventory.locks
    ]
    return {"pins": pins, "locks": locks}


def _place(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line}
