from __future__ import annotations

import os

import pytest

from commands import SetupError
from debian import packages_step
from tests.unit.stand_ins import StandIns

PROGRAMS = [("sh", "dash"), ("no-such-program", "package-b"), ("no-such-daemon", "package-a"), ("other", "package-b")]


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def test_nothing_is_installed_when_every_program_is_there(stand_ins: StandIns) -> None:
    stand_ins.put("apt-get")
    assert packages_step([("sh", "dash"), ("cat", "coreutils")]).found() == "sh, cat"
    assert stand_ins.calls == []


def test_only_missing_packages_are_installed_and_told_before(stand_ins: StandIns) -> None:
    stand_ins.put("apt-get", 'test "$DEBIAN_FRONTEND" = noninteractive')
    step = packages_step(PROGRAMS)
    assert step.found() is None
    assert step.plan == "install with apt-get: package-a package-b"
    assert step.run() == "installed package-a package-b"
    assert stand_ins.calls == [
        "apt-get -qq update",
        "apt-get -qq -y install --no-install-recommends package-a package-b",
    ]


def test_without_root_it_says_what_to_install(stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_ins.put("apt-get")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    text = (
        "Missing: no-such-program, no-such-daemon, other. Install them with `sudo apt-get install package-a package-b`"
    )
    with pytest.raises(SetupError) as caught:
        packages_step(PROGRAMS).run()
    assert str(caught.value) == text
    assert stand_ins.calls == []


def test_a_failed_installation_shows_the_cause(stand_ins: StandIns) -> None:
    stand_ins.put("apt-get", 'test "$2" = update || { echo "no space" >&2; exit 100; }')
    with pytest.raises(SetupError, match="The packages package-a package-b can't be installed") as caught:
        packages_step(PROGRAMS).run()
    assert caught.value.log == "no space"
