"""A process that asks for one thing with as many threads as it is told, and may be the one that makes it.

JSON in, JSON lines out: ``making`` when it begins to, and in the end a row for each thread. With ``together``, it says
in its folder that it could begin, and begins when the file ``go`` is there.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from codeopen.errors import CodeOpenError
from codeopen.images.locks.lease_lock import LeaseLocks
from codeopen.images.locks.lock import Lease
from codeopen.images.ondemand.events import Event, Step, Tell
from codeopen.images.ondemand.once import Task, make_once
from tests.unit.images.locks.stand_in_holder import be_elsewhere


def ask(order: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What each thread got; the thing is a file in the order's folder."""
    locks = LeaseLocks(order["namespace"], kubeconfig=order["kubeconfig"])
    folder = Path(order["folder"])

    def find() -> str | None:
        return "the thing" if (folder / "thing").exists() else None

    def make(lease: Lease, tell: Tell) -> str:
        say("making")
        with (folder / "makers").open("a") as file:
            file.write(f"{lease.token}\n")
        for number in range(5):
            tell(Event(Step.COMPOSING, "the thing", f"step {number}"))
            time.sleep(order["seconds"] / 5)
        with lease.guard():
            (folder / "thing").touch()
        return "the thing"

    def one(_: int) -> dict[str, Any]:
        events: list[str] = []
        try:
            made = make_once(locks, Task("key", "the thing", find, make), lambda event: events.append(event.text), 60)
        except CodeOpenError as error:
            return {"error": str(error), "events": events}
        return {"how": made.how.value, "events": events}

    with ThreadPoolExecutor(order["threads"]) as callers:
        if order["together"]:
            (folder / f"ready-{os.getpid()}").touch()
            while not (folder / "go").exists():
                time.sleep(0.01)
        return list(callers.map(one, range(order["threads"])))


def say(what: Any) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    be_elsewhere()
    say(ask(json.loads(sys.argv[1])))
