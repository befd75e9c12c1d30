"""What `make images` takes beside the builder: a browser for the pages of add-ons, and an emulator of arm64."""

from __future__ import annotations

import os
from pathlib import Path

from commands import SetupError, found, run
from steps import Step

# Any will do. Ubuntu's package of the first is a snap, so one that is there is enough.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
EMULATED = "arm64"
EMULATOR = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64")


def programs() -> list[tuple[str, str]]:
    """Programs with the Debian packages that bring them."""
    browser = next(filter(found, BROWSERS), BROWSERS[0])
    # mmdebstrap asks arch-test whether programs of another architecture run.
    emulation = [("qemu-aarch64-static", "qemu-user-static"), ("update-binfmts", "binfmt-support")]
    return [(browser, BROWSERS[0]), *emulation, ("arch-test", "arch-test")]


def emulation_step(emulator: Path = EMULATOR) -> Step:
    """Has the kernel give programs for arm64 to qemu. Source: binfmt_misc in the kernel's administration guide."""

    def already() -> str | None:
        return "programs for arm64 run by qemu" if emulator.exists() else None

    def enable() -> str:
        if os.geteuid() != 0:
            raise SetupError("Programs for arm64 can't be run: `sudo update-binfmts --enable` lets qemu run them")
        run(["update-binfmts", "--enable"], failure="The kernel can't be told to run programs for arm64 by qemu")
        if not emulator.exists():
            raise SetupError(f"{emulator} is missing after `update-binfmts --enable`: has the kernel binfmt_misc?")
        return "programs for arm64 run by qemu now"

    return Step("Emulation", "let qemu run programs for arm64", already, enable)
