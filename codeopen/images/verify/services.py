"""The services of an image, tried in a container that runs the image's own command with a login for every port."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import chain, repeat
from types import MappingProxyType
from typing import Final

from codeopen.images.verify.checks import Answer, Login, ask, check_port
from codeopen.images.verify.container import Container, Surroundings, started
from codeopen.images.verify.expectation import Expectation
from codeopen.images.verify.results import Result, Rule, apply_rule
from codeopen.images.verify.secrecy import told_by_processes
from codeopen.model.catalog.model import Port, PortCheck
from codeopen.model.plan.logins import HASHED

SERVICES: Final = "services"
USER: Final = "opencode"
STOP_SECONDS: Final = 5.0
_KILL_SECONDS: Final = 10
_POLL_SECONDS: Final = 0.2
# Both list the programs in the same order; the first names a process only after the program's `startsecs`.
_SUPERVISORCTL: Final = "supervisorctl -c /etc/supervisor/supervisord.conf"
_STATUS: Final = f"{_SUPERVISORCTL} status; {_SUPERVISORCTL} pid all"
_PROGRAM: Final = re.compile(r"^(\S+)\s+([A-Z]+)\b")
_RUNNING: Final = "RUNNING"
_REFUSALS: Final = frozenset({401, 403})
_REDIRECTS: Final = range(300, 400)
_WEB_SOCKET: Final = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
# Where a port's service asks for its login, and how it is spoken to; elsewhere that is its port check's path, or `/`.
_GUARDED: Final = MappingProxyType({"acp-gateway": ("/acp", _WEB_SOCKET)})


@dataclass(frozen=True, slots=True)
class Program:
    """A program that the image's supervisor runs; ``process`` is None while it doesn't."""

    name: str
    state: str
    process: int | None


@dataclass(frozen=True, slots=True)
class Patience:
    """The seconds that services may take to be healthy: after the container's start, and after a crash."""

    start: float = 120.0
    back: float = 60.0


@dataclass(frozen=True, slots=True)
class Services:
    """The subject of the rules: a container that runs its services, and the login of each credential."""

    container: Container
    expected: Expectation
    logins: Mapping[str, Login]
    patience: Patience = Patience()

    def health(self) -> str:
        """What is wrong by the image's own health check; empty when nothing is."""
        ran = self.container.run("codeopen-health", seconds=30)
        return "" if ran.code == 0 else (ran.errors.strip() or ran.told)

    def programs(self) -> tuple[Program, ...]:
        """What the supervisor runs."""
        return parse_programs(self.container.run("sh", "-c", _STATUS).output)


def make_logins(expected: Expectation, secret: str) -> Mapping[str, Login]:
    """A login for every port, with everything in its password that a shell, JSON or a header could trip over."""
    credentials = dict.fromkeys(port.credential for port in expected.ports if port.credential)
    return MappingProxyType({name: Login(USER, f"{secret}-{name}\"b\\c'd e$f%g") for name in credentials})


def started_services(
    image: str, surroundings: Surroundings, logins: Mapping[str, Login]
) -> AbstractContextManager[Container]:
    """A container that runs the image's services with these logins."""
    environment = {f"{name}_USERNAME": login.user for name, login in logins.items()}
    environment |= {f"{name}_PASSWORD": login.password for name, login in logins.items()}
    return started(image, replace(surroundings, environment=MappingProxyType(environment)))


def services_start(services: Services) -> Iterator[str]:
    """All of them are healthy within a bounded time, with passwords set."""
    yield from _wait_for(services.health, services.patience.start)


def ports_need_their_login(services: Services) -> Iterator[str]:
    """Nobody gets in without a login, or with a wrong one."""
    for port in services.expected.ports:
        if port.credential in services.logins:
            right = services.logins[port.credential]
            for what, login in (("without a login", None), ("with a wrong login", Login(right.user, "wrong" * 4))):
                answer = _knock(services, port, login)
                if not is_refusal(answer):
                    yield f"port {port.port} ({port.name}) answers {answer.status or answer.body} {what}"


def passwords_are_not_told(services: Services) -> Iterator[str]:
    """Neither in the log nor on a command line."""
    log = services.container.logs()
    ran = services.container.run("sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '")
    if not ran.output:
        yield f"its processes can't be seen: {ran.told}"
    for name, login in services.logins.items():
        for place, text in (("the log", log), ("a command line", ran.output)):
            if login.password in text:
                yield f"{name}_PASSWORD stands in {place}"


def hashed_passwords_stay_hidden(services: Services) -> Iterator[str]:
    """From agents, which run as the same user: once a client has logged in, and while health checks run."""
    for port in services.expected.ports:
        if port.credential in HASHED & services.logins.keys():
            login = services.logins[port.credential]
            if is_refusal(answer := _knock(services, port, login)):
                yield f"port {port.port} ({port.name}) answers {answer.status} with its login"
            for place in told_by_processes(services.container, login.password, services.health):
                yield f"{port.credential}_PASSWORD can be read: {place}"


def orphans_are_reaped(services: Services) -> Iterator[str]:
    """PID 1 inherits processes whose parents have ended, and must clear them away when they end."""
    services.container.run("sh", "-c", "(sleep 0.1 &)")
    time.sleep(0.5)
    ran = services.container.run("ps", "-e", "-o", "stat=,pid=,ppid=,comm=")
    if ran.code:
        yield f"its processes can't be seen: {ran.told}"
    for line in ran.output.splitlines():
        if line.lstrip().startswith("Z") and line.split()[2] == "1":
            yield f"zombie: {' '.join(line.split()[1:])}"


def killed_services_come_back(services: Services) -> Iterator[str]:
    """Each program that the supervisor runs is killed in turn; all is healthy after it, and stays up at the end."""
    programs = services.programs()
    if not programs:
        yield "the supervisor runs nothing"
    for program in programs:
        problems = tuple(_kill(services, program.name))
        yield from problems
        if problems:
            return  # what is left would be waited for in vain

    def unstable() -> str:
        return ", ".join(f"{each.name} is {each.state}" for each in services.programs() if each.state != _RUNNING)

    yield from _wait_for(unstable, services.patience.back)


def services_stop_at_once(services: Services) -> Iterator[str]:
    """SIGTERM ends the container by itself. The last rule: nothing runs after it."""
    if not services.container.state().get("Running"):
        yield "it had ended by itself"
    seconds = services.container.stop(_KILL_SECONDS)
    code = services.container.state().get("ExitCode")
    if code != 0:
        yield f"it ended with exit code {code}"
    if seconds >= STOP_SECONDS:
        yield f"it took {seconds:.1f} s to end"


RULES: Final[tuple[Rule[Services], ...]] = (
    Rule("services-start", services_start),
    Rule("logins", ports_need_their_login),
    Rule("passwords-untold", passwords_are_not_told),
    Rule("passwords-hidden", hashed_passwords_stay_hidden),
    Rule("orphans", orphans_are_reaped),
    Rule("crashes", killed_services_come_back),
    Rule("stop", services_stop_at_once),
)


def check_services(services: Services) -> Iterator[Result]:
    """Apply the rules in their order; the catalog's port checks come after the start."""
    for number, rule in enumerate(RULES):
        yield apply_rule(SERVICES, rule, services)
        if not number:
            for part, check in services.expected.checks:
                if isinstance(check, PortCheck):
                    yield check_port(services.container, part, check, services.logins.get(check.credential))


def is_refusal(answer: Answer) -> bool:
    """Whether an answer sends away somebody who has not logged in: with a status, or to a page to log in."""
    return answer.status in _REFUSALS or (answer.status in _REDIRECTS and "login" in answer.location)


def parse_programs(text: str) -> tuple[Program, ...]:
    """The lines of ``supervisorctl status``, then those of ``supervisorctl pid all``: 0 stands for no process."""
    lines = text.splitlines()
    processes = [int(line) for line in lines if line.isdecimal()]
    found = (match for match in map(_PROGRAM.match, lines) if match)
    pairs = zip(found, chain(processes, repeat(0)), strict=False)
    return tuple(Program(match[1], match[2], process or None) for match, process in pairs)


def _knock(services: Services, port: Port, login: Login | None) -> Answer:
    checked = (
        check.path
        for _, check in services.expected.checks
        if isinstance(check, PortCheck) and check.port == port.port and check.credential
    )
    path, headers = _GUARDED.get(port.name, (next(checked, "/"), ()))
    return ask(services.container, port.port, path, login, headers=headers)


def _kill(services: Services, name: str) -> Iterator[str]:
    def now() -> Program:
        return next((each for each in services.programs() if each.name == name), Program(name, "gone", None))

    def without_process() -> str:
        program = now()
        return "" if program.process else f"{name} is {program.state}"

    # It may be about to start again, when the end of another one was its own.
    if problems := tuple(_wait_for(without_process, services.patience.back)):
        yield from problems
        return
    killed = now().process
    services.container.run("kill", "-KILL", str(killed))

    def still_away() -> str:
        program = now()
        if program.process in {None, killed}:
            return f"{name} is {program.state}"
        return services.health()

    for problem in _wait_for(still_away, services.patience.back):
        yield f"after {name} was killed: {problem}"


def _wait_for(problem: Callable[[], str], seconds: float) -> Iterator[str]:
    """Ask again until there is no problem; yields the last one when the time is over."""
    deadline = time.monotonic() + seconds
    while told := problem():
        if time.monotonic() >= deadline:
            yield f"after {seconds:.0f} s: {told}"
            return
        time.sleep(_POLL_SECONDS)
