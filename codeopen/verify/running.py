"""What must hold in a container of every image that runs another command than the image's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from codeopen.verify.container import Container

# Keeps a container alive while commands are run in it; the image's entry point starts it.
IDLE: Final = ("sleep", "infinity")
_IDENTITY: Final = (
    'id -u; id -g; id -G; id -un; pwd; printf "%s\\n" "$HOME"; test -w "$HOME" && test -w . && echo writable'
)
_AS_WANTED: Final = ("1000", "1000", "1000", "developer", "/home/developer/workspace", "/home/developer", "writable")
_OTHER_ZONE: Final = "Asia/Kolkata"
_OTHER_OFFSET: Final = "+0530"


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


def time_zone_variable_is_honoured(container: Container) -> Iterator[str]:
    """UTC unless TZ says otherwise, where the image has the zones."""
    plain = container.run("date", "+%z")
    if plain.output.strip() != "+0000":
        yield f"its clock is at {plain.output.strip() or plain.told}"
    if container.run("test", "-e", f"/usr/share/zoneinfo/{_OTHER_ZONE}").code == 0:
        ran = container.run("env", f"TZ={_OTHER_ZONE}", "date", "+%z")
        if ran.output.strip() != _OTHER_OFFSET:
            yield f"with TZ={_OTHER_ZONE} its clock is at {ran.output.strip() or ran.told}"
