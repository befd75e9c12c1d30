"""The address that a service of an image listens on, by its password and by what it was told."""

from __future__ import annotations

import subprocess

import pytest

from tests.live import ROOT

SCRIPT = ROOT / "dockerfiles" / "base" / "scripts" / "bind-address.sh"
EVERYWHERE = "0.0.0.0"  # noqa: S104
BLANKS = ["", " ", "      ", "\t\n"]
ELSEWHERE = ["::", "10.0.0.1", "192.168.1.2", "example.org", "127.0.0.1.example.org", "::ffff:127.0.0.1", "128.0.0.1"]


def choose(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(SCRIPT), *words]
    return subprocess.run(
        command, env={"PATH": "/usr/bin:/bin", **environment}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("password", [None, *BLANKS])
@pytest.mark.parametrize("host", [None, "", EVERYWHERE])
def test_without_a_password_it_is_loopback_and_one_line_says_why(password: str | None, host: str | None) -> None:
    given = {"WEB_PASSWORD": password, "WEB_HOST": host, "WEB_USERNAME": "anna", "OTHER_PASSWORD": "a secret"}
    ran = choose("WEB", "WEB_HOST", **{name: value for name, value in given.items() if value is not None})
    assert (ran.returncode, ran.stdout) == (0, "127.0.0.1\n")
    (line,) = ran.stderr.splitlines()
    assert "WEB_PASSWORD is not set or blank" in line
    assert "127.0.0.1" in line
    assert "set a password" in line


@pytest.mark.parametrize("password", [None, *BLANKS])
@pytest.mark.parametrize("host", ELSEWHERE)
def test_without_a_password_another_address_is_refused_by_name(password: str | None, host: str) -> None:
    given = {} if password is None else {"WEB_PASSWORD": password}
    ran = choose("WEB", "WEB_HOST", WEB_HOST=host, **given)
    assert (ran.returncode, ran.stdout) == (1, "")
    (line,) = ran.stderr.splitlines()
    assert f"WEB_HOST is {host}" in line
    assert "WEB_PASSWORD" in line


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_loopback_needs_no_password(host: str) -> None:
    ran = choose("WEB", "WEB_HOST", WEB_HOST=host)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{host}\n", "")


@pytest.mark.parametrize("host", [None, EVERYWHERE, *ELSEWHERE])
def test_with_a_password_it_is_what_the_variable_says(host: str | None) -> None:
    given = {} if host is None else {"WEB_HOST": host}
    ran = choose("WEB", "WEB_HOST", WEB_PASSWORD=" se\"c'r$t", **given)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{host or EVERYWHERE}\n", "")


def test_a_service_without_such_a_variable_knows_two_addresses() -> None:
    assert choose("WEB").stdout == "127.0.0.1\n"
    assert choose("WEB", WEB_PASSWORD="secret").stdout == f"{EVERYWHERE}\n"
