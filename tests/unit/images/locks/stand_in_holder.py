"""A process that takes a lock and does as it is told, a JSON line each: what a second builder would be."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

from codeopen.errors import CodeOpenError
from codeopen.images.locks.file_lock import FileLocks
from codeopen.images.locks.lock import Lease, Locks, Process, Timing
from codeopen.images.locks.postgres_lock import PostgresLocks

LONGEST = 120


def open_locks(opening: Mapping[str, Any]) -> Locks:
    """The locks that all processes of a test share."""
    timing = Timing(opening["lease"], opening.get("first_backoff", 1), opening.get("longest_backoff", 60))
    if "dsn" in opening:
        return PostgresLocks(opening["dsn"], opening["schema"], timing)
    if "kubeconfig" in opening:
        from codeopen.images.locks.lease_lock import LeaseLocks  # noqa: PLC0415 - it takes seconds

        return LeaseLocks(opening["namespace"], timing, kubeconfig=opening["kubeconfig"])
    return FileLocks(Path(opening["folder"]), timing)


def be_elsewhere() -> None:
    """Stand in for another host: nobody can look at this process, nor use its clock, which is wrong by an hour."""
    here, name = Process.current(), f"another {os.getpid()}"
    Process.current = staticmethod(lambda: here._replace(host=name))  # type: ignore[method-assign]
    for module in ("lease_lock", "lease_held"):
        setattr(importlib.import_module(f"codeopen.images.locks.{module}"), "clock_name", lambda: name)  # noqa: B010

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) - timedelta(hours=1)

    importlib.import_module("codeopen.images.locks.lease_state").datetime = Wrong  # type: ignore[attr-defined]


def acquire(locks: Locks, key: str, seconds: float) -> Lease:
    """Ask again until the lock is free."""
    deadline = time.monotonic() + seconds
    while (lease := locks.try_acquire(key)) is None:
        assert time.monotonic() < deadline, f"{key} was not free within {seconds} s"
        time.sleep(0.01)
    return lease


class Holder:
    def __init__(self, locks: Locks, key: str) -> None:
        self.locks = locks
        self.key = key
        self.lease: Lease | None = None
        self.guard: AbstractContextManager[None] | None = None

    def held(self) -> Lease:
        assert self.lease is not None
        return self.lease

    def acquire(self, seconds: float = 0) -> int:
        self.lease = acquire(self.locks, self.key, seconds)
        return self.lease.token

    def record(self, event: Mapping[str, Any]) -> None:
        self.held().record(event)

    def write(self) -> None:
        with self.held().guard():
            pass

    def enter(self) -> None:
        self.guard = self.held().guard()
        self.guard.__enter__()

    def leave(self) -> None:
        assert self.guard is not None
        self.guard.__exit__(None, None, None)

    def succeed(self) -> None:
        self.held().succeed()

    def stop_renewing(self) -> None:
        """Its thread must not find out first what a guard is to find out."""
        lease: Any = self.held()
        lease._renewal.stop()

    def fail(self, message: str) -> None:
        self.held().fail(message)

    def fork_and_follow(self) -> int:
        """How many events a forked child sees, while this process goes on recording."""
        read, write = os.pipe()
        signal.alarm(15)
        if os.fork() == 0:
            signal.alarm(15)
            os.write(write, bytes([len(self.locks.follow(self.key, 0))]))
            os._exit(0)
        for number in range(20):
            self.record({"after the fork": number})
        seen = os.read(read, 1)[0]
        signal.alarm(LONGEST)
        return seen

    def race(self, processes: int, times: int, folder: str) -> list[int]:
        """Let processes take the lock some times each, all at once; their exit codes."""
        children = []
        for _ in range(processes):
            if (child := os.fork()) == 0:
                os._exit(self._run(times, Path(folder)))
            children.append(child)
        return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]

    def _run(self, times: int, folder: Path) -> int:
        """Hold the lock some times, and find anybody who holds it too."""
        try:
            for _ in range(times):
                lease = acquire(self.locks, self.key, 60)
                os.close(os.open(folder / "inside", os.O_CREAT | os.O_EXCL))
                with (folder / "log").open("a") as file:
                    file.write(f"{lease.token}\n")
                with lease.guard():
                    lease.record({"by": os.getpid()})
                (folder / "inside").unlink()
                lease.succeed()
        except (CodeOpenError, AssertionError, OSError):
            traceback.print_exc()
            return 1
        return 0


def main() -> None:
    signal.alarm(LONGEST)  # nobody outlives a test that broke
    opening = json.loads(sys.argv[1])
    if opening.get("elsewhere"):
        be_elsewhere()
    holder = Holder(open_locks(opening), opening["key"])
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        command: Callable[..., Any] = getattr(holder, name)
        try:
            answer = {"value": command(*arguments)}
        except (CodeOpenError, AssertionError, OSError) as error:
            answer = {"error": type(error).__name__, "text": str(error)}
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
