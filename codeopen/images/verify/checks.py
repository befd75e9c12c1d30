"""The catalog's checks of an image, each done in a container of it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from codeopen.images.verify.container import Container
from codeopen.images.verify.expectation import Expectation
from codeopen.images.verify.results import Result
from codeopen.model.catalog.model import CommandCheck, PortCheck

_SHOWN_CHARACTERS: Final = 300
_REQUEST_SECONDS: Final = 20
_CHECK_SECONDS: Final = 600.0  # the longest build a new project, on a machine that has other work too


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password for a port."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP server said; ``status`` is 0 when it said nothing, ``body`` is then the reason."""

    status: int
    body: str
    location: str = ""


def check_commands(container: Container, expected: Expectation) -> Iterator[Result]:
    """Run the catalog's commands: each must end with 0, and what it prints must match."""
    for part, check in expected.checks:
        if isinstance(check, CommandCheck):
            yield check_command(container, part, check)


def check_command(container: Container, part: str, check: CommandCheck) -> Result:
    """One of them; what it prints on standard error counts where standard output has nothing."""
    ran = container.run(*check.command, seconds=_CHECK_SECONDS)
    output = ran.output if ran.output.strip() else ran.errors
    if ran.code != 0:
        detail = f"{' '.join(check.command)}: {ran.told}"
    elif not re.search(check.output, output):
        detail = f"{' '.join(check.command)} says {_shorten(output)!r}, which {check.output!r} does not match"
    else:
        detail = ""
    return Result(part, check.name, not detail, ran.seconds, detail)


def check_port(container: Container, part: str, check: PortCheck, login: Login | None) -> Result:
    """Ask a running service, with its login where the catalog says that it takes one."""
    start = time.monotonic()
    answer = ask(container, check.port, check.path, login if check.credential else None)
    if not answer.status:
        detail = f"port {check.port} does not answer: {answer.body}"
    elif answer.status != check.status:
        detail = f"port {check.port}{check.path} answers {answer.status} instead of {check.status}"
    elif not re.search(check.body, answer.body):
        detail = f"port {check.port}{check.path} says {_shorten(answer.body)!r}, which {check.body!r} does not match"
    else:
        detail = ""
    return Result(part, check.name, not detail, time.monotonic() - start, detail)


def ask(
    container: Container, port: int, path: str, login: Login | None = None, *, headers: tuple[str, ...] = ()
) -> Answer:
    """Send one request from inside of a container, which may have no network."""
    lines = ["silent", "show-error", f'max-time = "{_REQUEST_SECONDS}"', f'url = "http://127.0.0.1:{port}{path}"']
    lines += [f'header = "{header}"' for header in headers]
    lines += ['write-out = "\\n%{http_code} %{redirect_url}"']
    if login is not None:
        lines.append(f'user = "{_quoted(f"{login.user}:{login.password}")}"')
    # On standard input, because a command line can be read by every process.
    ran = container.run("curl", "--config", "-", given="\n".join(lines) + "\n", seconds=_REQUEST_SECONDS + 20)
    body, _, ending = ran.output.rpartition("\n")
    status, _, location = ending.partition(" ")
    if not status.isdigit() or not int(status):
        return Answer(0, ran.told)
    return Answer(int(status), body, location)


def _quoted(text: str) -> str:
    """Source: curl(1), --config: within quotes a backslash makes the next character itself."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _shorten(text: str) -> str:
    shown = text.strip()
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"
