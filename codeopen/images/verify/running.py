"""What must hold in a container of every image that runs another command than the image's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from codeopen.images.verify.container import Container

# Keeps a container alive while commands are run in it; the image's entry point starts it.
IDLE: Final = ("sleep", "infinity")
_IDENTITY: Final = (
    'id -u; id -g; id -G; id -un; pwd; printf "%s\\n" "$HOME"; test -w "$HOME" && test -w . && echo writable'
)
_AS_WANTED: Final = ("1000", "1000", "1000", "developer", "/home/developer/workspace", "/home/developer", "writable")
_OTHER_ZONE: Final = "Asia/Kolkata"
_OTHER_OFFSET: Final = "+0530"
_FAILURES: Final = 2
# The image's own programs, but each fails after 2 s: later than at once, as a server does that finds its port taken.
# Two failures with their waits of at most 2 s and 3 s are over in 12 s. The user may open the pipe again, as a file.
_FAILING: Final = r"""
set -e
folder=$(mktemp -d /tmp/failing.XXXXXX)
cp /etc/supervisor/conf.d/*.conf "$folder"
sed -i -E 's/^command *=.*/command=sh -c "sleep 2; exit 1"/' "$folder"/*.conf
cat >"$folder/main" <<END
[supervisord]
nodaemon=true
logfile=/dev/null
logfile_maxbytes=0
pidfile=$folder/pid
[include]
files=$folder/*.conf
END
timeout 12 supervisord --configuration "$folder/main" 2>&1 | cat
rm -r "$folder"
"""
# Source: supervisor 4.3, process.py (spawn, finish) and loggers.py.
_CHANGE: Final = re.compile(r"^(\S+ \S+) [A-Z]+ (?:(spawned): '([^']+)' with pid|exited: (\S+) \()")


def command_runs_as_the_user(container: Container) -> Iterator[str]:
    """The container runs the command that it was given, in the workspace, as the user, in no other group."""
    running = container.run("ps", "-e", "-o", "args=").output.splitlines()
    if " ".join(IDLE) not in running:
        yield f"it does not run {' '.join(IDLE)}, but {', '.join(running[:2])}"
    ran = container.run("sh", "-c", _IDENTITY)
    if tuple(ran.output.splitlines()) != _AS_WANTED:
        yield f"{', '.join(ran.output.splitlines())} instead of {', '.join(_AS_WANTED)} ({ran.told})"


def package_database_is_whole(container: Container) -> Iterator[str]:
    ran = container.run("dpkg", "--audit")
    if ran.code or ran.output.strip():
        yield ran.output.strip() or ran.told


def failing_services_wait_longer_each_time(container: Container) -> Iterator[str]:
    """A service that fails again and again must not take a processor for it."""
    ran = container.run("sh", "-c", _FAILING)
    waits = read_waits(ran.output)
    if not waits:
        yield f"the supervisor runs nothing: {ran.told}"
    for name, seconds in waits.items():
        if len(seconds) < _FAILURES:
            yield f"{name} is started again {len(seconds)} times instead of {_FAILURES}"
        for failure, wait in enumerate(seconds, start=1):
            if round(wait, 1) < failure:
                yield f"{name} is started again {wait:.1f} s after failure {failure} in a row"
                break


def read_waits(log: str) -> dict[str, list[float]]:
    """The seconds between each end of a program and its next start, by the supervisor's log."""
    waits: dict[str, list[float]] = {}
    ends: dict[str, datetime] = {}
    for match in filter(None, map(_CHANGE.match, log.splitlines())):
        time = datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S,%f")  # noqa: DTZ007  (only differences count)
        if not match[2]:
            ends[match[4]] = time
        elif (name := match[3]) in ends:
            waits[name].append((time - ends.pop(name)).total_seconds())
        else:
            waits.setdefault(name, [])
    return waits


def time_zone_variable_is_honoured(container: Container) -> Iterator[str]:
    """UTC unless TZ says otherwise."""
    plain = container.run("date", "+%z")
    if plain.output.strip() != "+0000":
        yield f"its clock is at {plain.output.strip() or plain.told}"
    # date takes a zone that it can't find for UTC, and says nothing.
    if container.run("test", "-e", f"/usr/share/zoneinfo/{_OTHER_ZONE}").code:
        yield f"it has no zone {_OTHER_ZONE}"
    ran = container.run("env", f"TZ={_OTHER_ZONE}", "date", "+%z")
    if ran.output.strip() != _OTHER_OFFSET:
        yield f"with TZ={_OTHER_ZONE} its clock is at {ran.output.strip() or ran.told}"
