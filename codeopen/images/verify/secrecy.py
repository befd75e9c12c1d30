"""Whether the processes of a container tell a secret to its user, who agents run as, while health checks run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from codeopen.images.verify.container import Container

_SECONDS: Final = 120.0
# The secret comes backwards, and the process that looks leaves itself out: it would find what it looks for. Variables
# and command lines are read again and again, since checks live for a moment; memory once, since it is much.
_LOOK: Final = r"""
import contextlib, os, sys, time

secret = sys.stdin.buffer.read()[::-1]
found, read = set(), set()

def others():
    return (pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) != os.getpid())

def look(pid, what, pieces):
    with contextlib.suppress(OSError, ValueError):
        with open(f"/proc/{pid}/comm") as file:
            name = file.read().strip()
        if any(secret in piece for piece in pieces(f"/proc/{pid}")):
            found.add(f"{what} of {name}")
        read.add((what, pid))

def whole(name):
    def pieces(folder):
        with open(f"{folder}/{name}", "rb") as file:
            yield file.read()
    return pieces

def memory(folder):
    with open(f"{folder}/maps") as maps, open(f"{folder}/mem", "rb", 0) as file:
        for span, rights, *_ in map(str.split, maps):
            start, end = (int(side, 16) for side in span.split("-"))
            if rights.startswith("rw") and end - start < 1 << 30:
                with contextlib.suppress(OSError):
                    file.seek(start)
                    yield file.read(end - start)

def files(folder):
    for entry in os.scandir(f"{folder}/fd"):
        with contextlib.suppress(OSError):
            if os.path.isfile(entry.path):
                with open(entry.path, "rb") as file:
                    yield file.read(1 << 20)

end = time.monotonic() + 3
while time.monotonic() < end:
    for pid in others():
        look(pid, "the variables", whole("environ"))
        look(pid, "the command line", whole("cmdline"))
for pid in others():
    look(pid, "the memory", memory)
    look(pid, "an open file", files)
print(*sorted(found), f"{len(read)} looked at", sep="\n")
"""


def told_by_processes(container: Container, secret: str, meanwhile: Callable[[], object]) -> Iterator[str]:
    """Where the secret can be read, as ``the variables of tini``; ``meanwhile`` runs again and again until then."""
    with ThreadPoolExecutor(1) as threads:
        looking = threads.submit(container.run, "python3", "-c", _LOOK, given=secret[::-1], seconds=_SECONDS)
        meanwhile()
        while not looking.done():
            meanwhile()
    *found, count = looking.result().output.splitlines() or [""]
    if not count.endswith("looked at") or count.startswith("0 "):
        yield f"its processes can't be looked at: {looking.result().told}"
    yield from found
