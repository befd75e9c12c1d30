"""A process that asks for one combination, as often and with as many threads as it is told: JSON in, JSON lines out.

It kills itself without a word before the step whose number it is told.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from codeopen.errors import CodeOpenError
from codeopen.images.compose.store import IndexStore
from codeopen.images.compose.verdicts import Verdicts
from codeopen.images.locks.file_lock import FileLocks
from codeopen.images.locks.lock import Locks
from codeopen.images.locks.no_lock import NoLocks
from codeopen.images.ondemand.composing import Identity, Ingredients, Tools, combine_once
from codeopen.images.ondemand.events import Event
from codeopen.images.registry.registry import Registry


def ask(order: dict[str, Any]) -> list[dict[str, Any]]:
    """Ask with all threads at once; a row for each: its reference or error, whether it made the image, its events."""
    registry, cache = Registry(order["host"]), Path(order["cache"])
    locks: Locks = FileLocks(cache / "locks") if order["lock"] else NoLocks()
    identity = Identity(order["repository"], order["version"], order["plan_digest"], "linux/amd64")
    ingredients = Ingredients(order["base"], order["parts"], lambda _: "")
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1
        if steps == order.get("die_at"):
            os.kill(os.getpid(), signal.SIGKILL)

    def one(workers: ThreadPoolExecutor) -> dict[str, Any]:
        events: list[str] = []
        tools = Tools(registry, store, verdicts, locks, workers, waiting_seconds=60)

        def hear(event: Event) -> None:
            events.append(event.step)
            count()

        try:
            combined = combine_once(tools, identity, lambda _: ingredients, hear)
        except CodeOpenError as error:
            return {"error": str(error), "events": events}
        return {"reference": combined.reference, "made": combined.arrangement is not None, "events": events}

    store, verdicts = IndexStore(registry, cache / "indexes"), Verdicts(cache)
    with ThreadPoolExecutor(8) as workers, ThreadPoolExecutor(order["threads"]) as callers:
        if order.get("start_at"):
            time.sleep(max(0.0, order["start_at"] - time.time()))
        return list(callers.map(one, [workers] * order["threads"]))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(ask(json.load(sys.stdin))))
