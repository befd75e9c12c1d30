"""Packages of Debian or Ubuntu, installed only as root there and only where a program is missing."""

from __future__ import annotations

import os
from collections.abc import Sequence

from commands import SetupError, found, run
from steps import Step


def packages_step(programs: Sequence[tuple[str, str]]) -> Step:
    """``programs`` pairs a command with the package that brings it."""
    missing = [(program, package) for program, package in programs if not found(program)]
    packages = sorted({package for _, package in missing})

    def already() -> str | None:
        return None if missing else f"{', '.join(program for program, _ in programs)}"

    def install() -> str:
        names = ", ".join(program for program, _ in missing)
        if os.geteuid() != 0 or not found("apt-get"):
            raise SetupError(f"Missing: {names}. Install them with `sudo apt-get install {' '.join(packages)}`")
        environment = {"DEBIAN_FRONTEND": "noninteractive"}
        failure = f"The packages {' '.join(packages)} can't be installed"
        run(["apt-get", "-qq", "update"], failure="The package lists can't be updated", env=environment)
        run(["apt-get", "-qq", "-y", "install", "--no-install-recommends", *packages], failure=failure, env=environment)
        return f"installed {' '.join(packages)}"

    return Step("System packages", f"install with apt-get: {' '.join(packages)}", already, install)
