"""Puts right what a killed run left behind, before the next one begins: its lock, its processes, its containers.

Nothing is touched on suspicion: a lock goes only when the process that took it is proved dead, a process is ended only
when it carries the mark of such a run, a container only when it carries the stack's label and no state knows it.
Volumes are never removed: the next run takes them over by their name.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from codeopen.environment.children import run
from codeopen.errors import DeployError, StackInUseError

MARK: Final = "CODEOPEN_RUN"
LABEL: Final = "codeopen.stack"
CLI: Final = "pulumi"
_PROC: Final = Path("/proc")
_END_SECONDS: Final = 5.0
_ENGINE_SECONDS: Final = 10.0
_OBJECTS: Final = (
    ("container", ("ps", "--all"), "docker:index/container:Container"),
    ("network", ("network", "ls"), "docker:index/network:Network"),
)


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file of a ``file://`` backend: who took it, and when (seconds since 1970)."""

    file: Path
    process: int
    host: str
    taken: float


def read_locks(backend: str, project: str, stack: str) -> tuple[Lock, ...]:
    """The locks of a stack; none where the backend isn't a folder of this machine, which keeps its own."""
    if not backend.startswith("file://"):
        return ()
    root = Path(backend.removeprefix("file://").partition("?")[0]).expanduser()
    folder = root / ".pulumi" / "locks" / "organization" / project / stack
    locks = []
    for file in sorted(folder.glob("*.json")):
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            taken = datetime.fromisoformat(content["timestamp"]).timestamp()
            locks.append(Lock(file, int(content["pid"]), content["hostname"], taken))
        except FileNotFoundError:
            continue  # its owner has just released it
        except (ValueError, KeyError) as error:
            raise DeployError(f"{file}: this lock can't be read ({error}); if no run is at work, delete it") from error
    return tuple(locks)


def is_dead(lock: Lock) -> bool:
    """Whether the process that took a lock is proved to have ended: it is of this machine, and gone or a later one."""
    if lock.host != socket.gethostname():
        return False
    started = _start_time(lock.process)
    # The clock counts starts in hundredths of a second; a process begins before it takes a lock.
    return started is None or started > lock.taken + 1


def clear_dead_locks(locks: Iterable[Lock], stack: str) -> list[str]:
    """Delete the locks of dead owners and say so. Raises StackInUseError for one whose owner may live."""
    told = []
    for lock in locks:
        if not is_dead(lock):
            since = datetime.fromtimestamp(lock.taken).astimezone().strftime("%H:%M:%S")
            raise StackInUseError(
                f"stack {stack} is in use: process {lock.process} on {lock.host} works on it since {since}; "
                "wait for it to end, then run this again"
            )
        lock.file.unlink(missing_ok=True)
        lock.file.with_name(f"{lock.file.name}.attrs").unlink(missing_ok=True)
        told.append(f"cleared the lock of process {lock.process}, which has ended")
    return told


def refuse_second_run(mark: str, stack: str) -> None:
    """Raise StackInUseError when a CLI with this mark runs: it may not have taken its lock yet."""
    for process, name in _marked_processes(mark):
        if name == CLI:
            raise StackInUseError(
                f"stack {stack} is in use: process {process} works on it; wait for it to end, then run this again"
            )


def end_leftovers(mark: str) -> list[str]:
    """End the processes of an earlier, killed run that carry its mark, by their ids. Bounded in time."""
    found = dict(_marked_processes(mark))
    for process in found:
        _signal(process, signal.SIGTERM)
    left = found
    deadline = time.monotonic() + _END_SECONDS
    while left and time.monotonic() < deadline:
        time.sleep(0.1)
        left = dict(_marked_processes(mark))
    for process in left:
        _signal(process, signal.SIGKILL)
    return [f"ended process {process} ({name}) of a killed run" for process, name in found.items()]


def remove_strays(stack: str, state: dict[str, Any]) -> list[str]:
    """Remove containers and networks that carry the stack's label and that its state doesn't know. Volumes stay.

    The Engine goes on with what a killed run asked for. So where the state says that one was being created, this looks
    for it for some seconds.
    """
    known = {resource.get("id") for resource in state.get("resources") or []}
    told: list[str] = []
    deadline = time.monotonic() + _ENGINE_SECONDS
    while True:
        for kind, listing, _ in _OBJECTS:
            told += _remove_strays(kind, listing, stack, known)
        if len(told) >= _being_created(state) or time.monotonic() > deadline:
            return told
        time.sleep(0.2)


def _remove_strays(kind: str, listing: Iterable[str], stack: str, known: set[str]) -> Iterator[str]:
    command = ["docker", *listing, "--no-trunc", "--filter", f"label={LABEL}={stack}", "--format", "{{.ID}}"]
    for identifier in _run(command).split():
        if identifier not in known:
            _run(["docker", kind, "rm", *(["--force"] if kind == "container" else []), identifier])
            yield f"removed {kind} {identifier[:12]}, which a killed run had made"


def _being_created(state: dict[str, Any]) -> int:
    """How many containers and networks a killed run was about to make."""
    kinds = {kind for *_, kind in _OBJECTS}
    pending = state.get("pending_operations") or []
    return sum(entry.get("type") == "creating" and entry["resource"]["type"] in kinds for entry in pending)


def _marked_processes(mark: str) -> Iterator[tuple[int, str]]:
    """The processes whose environment carries a mark, but this one."""
    wanted = f"{MARK}={mark}".encode()
    for folder in _PROC.glob("[0-9]*"):
        try:
            if int(folder.name) != os.getpid() and wanted in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name), (folder / "comm").read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            continue  # it has ended, or is somebody else's


def _start_time(process: int) -> float | None:
    """When a process began, in seconds since 1970; None when there is none of that id. Source: proc(5), field 22."""
    try:
        stat = (_PROC / str(process) / "stat").read_text(encoding="utf-8")
        boot = next(
            line for line in (_PROC / "stat").read_text(encoding="utf-8").splitlines() if line.startswith("btime")
        )
    except (FileNotFoundError, ProcessLookupError):
        return None
    ticks = int(stat.rpartition(")")[2].split()[19])
    return int(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")


def _signal(process: int, number: signal.Signals) -> None:
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return


def _run(command: list[str]) -> str:
    try:
        done = run(command, seconds=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeployError(f"{' '.join(command[:3])}: {error}; is the Docker Engine running?") from error
    if done.returncode:
        raise DeployError(f"{' '.join(command[:3])}: {done.stderr.strip()}; is the Docker Engine running?")
    return done.stdout
