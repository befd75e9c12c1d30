"""What must hold of an image's services without logins: nobody outside of the container reaches one.

The container shares a network with a neighbour, another container of the same image, which knocks at its ports.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from types import MappingProxyType
from typing import Any, Final

from codeopen.errors import VerifyError
from codeopen.images.verify.container import Container, Surroundings, own_network, started
from codeopen.images.verify.expectation import Expectation
from codeopen.images.verify.results import Result, Rule, apply_rule
from codeopen.images.verify.running import IDLE
from codeopen.images.verify.services import SERVICES, Services, services_start

OPEN: Final = "open"
CLOSED: Final = "closed"
_SOCKETS: Final = ("sh", "-c", "cat /proc/net/tcp*")  # tcp6 is not there without IPv6
_LISTEN: Final = "0A"  # Source: Linux, include/net/tcp_states.h
_WORD_BYTES: Final = 4
_SHOWN_ERROR: Final = 100
# "closed" is what the container's own kernel answers: an error on the way to it is not taken for that.
_KNOCK: Final = f"""
import json, socket, sys
told = {{}}
for port in map(int, sys.argv[2:]):
    try:
        socket.create_connection((sys.argv[1], port), timeout=5).close()
        told[port] = "{OPEN}"
    except ConnectionRefusedError:
        told[port] = "{CLOSED}"
    except OSError as error:
        told[port] = str(error)
print(json.dumps(told))
"""


@dataclass(frozen=True, slots=True)
class Unguarded:
    """The subject of the rules: services that were given no login, and a neighbour on their network."""

    services: Services
    neighbour: Container


@contextmanager
def started_beside_a_neighbour(image: str, expected: Expectation, surroundings: Surroundings) -> Iterator[Unguarded]:
    """A container that runs the image's services without logins, and its neighbour. Raises VerifyError."""
    with own_network(surroundings.labels) as network:
        joined = replace(surroundings, network=network)
        with started(image, joined) as container, started(image, joined, *IDLE) as neighbour:
            yield Unguarded(Services(container, expected, MappingProxyType({})), neighbour)


def nothing_answers(unguarded: Unguarded) -> Iterator[str]:
    """All services are healthy without logins, and none listens where the neighbour, or anybody else, reaches it."""
    services = unguarded.services
    yield from services_start(services)
    names = {port.port: port.name for port in services.expected.ports}
    listening = {port: address for address, port in listeners(services.container) if not is_loopback(address)}
    ports = sorted(names.keys() | listening.keys())
    for port, told in knock(unguarded.neighbour, services.container.name, ports).items():
        shown = f"port {port} ({names.get(port, 'not in the catalog')})"
        if told == OPEN:
            yield f"{shown} answers another container, without a login"
        elif port in listening:
            yield f"{shown} listens on {listening[port]}, which others can reach, without a login"
        elif told != CLOSED:
            yield f"{shown} can't be tried from another container: {told}"


RULES: Final[tuple[Rule[Unguarded], ...]] = (Rule("closed", nothing_answers),)


def check_from_outside(unguarded: Unguarded) -> Iterator[Result]:
    """Apply the rules."""
    return (apply_rule(SERVICES, rule, unguarded) for rule in RULES)


def listeners(container: Container) -> frozenset[tuple[IPv4Address | IPv6Address, int]]:
    """The address and port of each TCP socket that listens in a container. Raises VerifyError."""
    ran = container.run(*_SOCKETS)
    if ran.code != 0:
        raise VerifyError(f"its sockets can't be seen: {ran.told}")
    return parse_listeners(ran.output)


def parse_listeners(text: str) -> frozenset[tuple[IPv4Address | IPv6Address, int]]:
    """Those of the kernel's lists ``tcp`` and ``tcp6``, whose addresses are words of a little-endian machine."""
    rows = (line.split()[1:4] for line in text.splitlines())
    found = (row[0].split(":") for row in rows if len(row) == 3 and row[2] == _LISTEN)  # noqa: PLR2004
    return frozenset((_address(bytes.fromhex(address)), int(port, 16)) for address, port in found)


def is_loopback(address: IPv4Address | IPv6Address) -> bool:
    """Whether only the container itself reaches an address."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def knock(neighbour: Container, host: str, ports: Iterable[int]) -> Mapping[int, str]:
    """What a connection to each port comes to: ``OPEN``, ``CLOSED`` or an error on the way. Raises VerifyError."""
    ran = neighbour.run("python3", "-I", "-c", _KNOCK, host, *map(str, ports))
    if ran.code != 0:
        raise VerifyError(f"another container can't try its ports: {ran.told}")
    told: Mapping[str, Any] = json.loads(ran.output)
    return {int(port): str(answer)[:_SHOWN_ERROR] for port, answer in told.items()}


def _address(data: bytes) -> IPv4Address | IPv6Address:
    words = (data[start : start + _WORD_BYTES][::-1] for start in range(0, len(data), _WORD_BYTES))
    return ip_address(b"".join(words))
