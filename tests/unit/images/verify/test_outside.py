"""The rule on services without logins, with stand-ins for the container and its neighbour."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType
from typing import Any

import pytest

from codeopen.images.verify import outside
from codeopen.images.verify.container import Container, Ran, Surroundings
from codeopen.images.verify.outside import (
    RULES,
    Unguarded,
    check_from_outside,
    parse_listeners,
    started_beside_a_neighbour,
)
from tests.unit.images.verify.test_rules import EXPECTED
from tests.unit.images.verify.test_running import StandIn, container, find, services

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def listening(*addresses: str, state: str = "0A") -> str:
    """What the kernel's list says; its form is that of a real one."""
    rows = (
        f"   {number}: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  1000        0 1 1\n"
        for number, address in enumerate(addresses)
    )
    return HEAD + "".join(rows)


def unguarded(sockets: str | Ran, told: dict[int, str] | Ran, health: Ran | str = "") -> Unguarded:
    answer = told if isinstance(told, Ran) else json.dumps(told)
    watched = StandIn("watched", {"sh -c cat /proc/net/tcp": sockets, "codeopen-health": health})
    return Unguarded(services(watched), container(python3=answer))


def problems(subject: Unguarded) -> list[str]:
    return find(RULES, "closed", subject)


LOOPBACK = listening("0100007F:1000", "0B00007F:ABDD") + listening(
    "00000000000000000000000001000000:1001", "0000000000000000FFFF00000100007F:1002"
)


def test_services_on_loopback_break_no_rule() -> None:
    assert problems(unguarded(LOOPBACK, {4096: "closed"})) == []


@pytest.mark.parametrize(
    ("sockets", "told", "said"),
    [
        ("00000000:1000", {4096: "open"}, "port 4096 (web) answers another container, without a login"),
        ("020011AC:1000", {4096: "open"}, "port 4096 (web) answers another container, without a login"),
        # Something else of the same network namespace, as a side-car's.
        ("0100007F:1000", {4096: "open"}, "port 4096 (web) answers another container, without a login"),
        (
            "00000000000000000000000000000000:270F",
            {4096: "closed", 9999: "open"},
            "port 9999 (not in the catalog) answers another container, without a login",
        ),
        (
            "00000000000000000000000000000000:270F",
            {4096: "closed", 9999: "closed"},
            "port 9999 (not in the catalog) listens on ::, which others can reach, without a login",
        ),
        (
            "0000000000000000FFFF0000020011AC:270F",
            {4096: "closed", 9999: "closed"},
            "port 9999 (not in the catalog) listens on ::ffff:ac11:2, which others can reach, without a login",
        ),
        (
            "0100007F:1000",
            {4096: "[Errno -2] Name or service not known"},
            "port 4096 (web) can't be tried from another container: [Errno -2] Name or service not known",
        ),
    ],
)
def test_an_open_service_is_told(sockets: str, told: dict[int, str], said: str) -> None:
    assert problems(unguarded(listening(sockets), told)) == [said]


def test_every_port_of_the_catalog_and_every_open_socket_is_tried() -> None:
    subject = unguarded(listening("00000000:1F90", "0100007F:1F91"), {})
    problems(subject)
    assert isinstance(subject.neighbour, StandIn)
    ((words, _),) = subject.neighbour.asked
    assert words.endswith("watched 4096 8080")


def test_services_that_need_a_login_to_start_are_told() -> None:
    sick = unguarded(LOOPBACK, {4096: "closed"}, Ran(1, "", "web: port 4096 answered 000", 0.1))
    assert problems(sick) == ["after 0 s: web: port 4096 answered 000"]


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        (unguarded(Ran(1, "", "no such file", 0.1), {}), "its sockets can't be seen: exit code 1: no such file"),
        (unguarded(LOOPBACK, Ran(None, "", "", 120.0)), "another container can't try its ports: no end after 120 s"),
    ],
)
def test_what_can_t_be_seen_is_a_failure(subject: Unguarded, said: str) -> None:
    (result,) = check_from_outside(subject)
    assert (result.name, result.passed, result.detail) == ("closed", False, said)


def test_only_listening_sockets_count() -> None:
    assert parse_listeners(listening("00000000:1000", state="01")) == frozenset()
    assert parse_listeners(listening("0101A8C0:0050")) == {(IPv4Address("192.168.1.1"), 80)}
    assert parse_listeners(listening("B80D01200000000000000000010000FE:01BB")) == {
        (IPv6Address("2001:db8::fe00:1"), 443)
    }


def test_a_knock_tells_an_open_port_from_a_closed_one_and_from_no_way_there() -> None:
    @dataclass(frozen=True, slots=True)
    class Here(Container):
        """This machine in the place of a neighbour."""

        def run(self, *command: str, **_: Any) -> Ran:
            done = subprocess.run([sys.executable, *command[1:]], capture_output=True, text=True, check=False)
            return Ran(done.returncode, done.stdout, done.stderr, 0.1)

    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as other:
        here, port, closed = Here("here"), server.getsockname()[1], other.getsockname()[1]
        other.close()
        assert outside.knock(here, "127.0.0.1", [port, closed]) == {port: "open", closed: "closed"}
        assert outside.knock(here, "no-such-host.invalid", [port])[port] not in {"open", "closed"}


def test_both_containers_are_on_a_network_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[str, tuple[str, ...]]] = []

    @contextmanager
    def own_network(labels: Any) -> Iterator[str]:
        assert labels == {"a": "b"}
        yield "apart"

    @contextmanager
    def started(image: str, surroundings: Surroundings, *command: str) -> Iterator[Container]:
        begun.append((surroundings.network, command))
        yield Container(image)

    monkeypatch.setattr(outside, "own_network", own_network)
    monkeypatch.setattr(outside, "started", started)
    with started_beside_a_neighbour("js", EXPECTED, Surroundings(MappingProxyType({"a": "b"}))) as subject:
        assert subject.services.logins == {}
    assert begun == [("apart", ()), ("apart", ("sleep", "infinity"))]
