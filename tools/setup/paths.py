"""Where set-up keeps things: finished tools in a cache that may go, the user's state in a folder that may not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders of one user on one machine, and the checkout they serve."""

    checkout: Path
    home: Path

    @property
    def cache(self) -> Path:
        return self.home / ".cache" / "codeopen"

    @property
    def state(self) -> Path:
        return self.home / ".local" / "state" / "codeopen"

    @property
    def tools(self) -> Path:
        return self.cache / "tools"

    @property
    def mirror(self) -> Path:
        return self.mirror_for("")

    def mirror_for(self, architecture: str) -> Path:
        """The stand-ins for this machine's platform, or for another architecture's, as ``arm64``."""
        return self.cache / (f"mirror-{architecture}" if architecture else "mirror")

    @property
    def venv(self) -> Path:
        return self.checkout / ".venv"

    @property
    def local(self) -> Path:
        """What set-up writes into the checkout; git ignores it."""
        return self.checkout / ".codeopen"

    @property
    def bin(self) -> Path:
        return self.local / "bin"

    @property
    def passphrase(self) -> Path:
        return self.state / "passphrase"

    @property
    def backend(self) -> Path:
        return self.state / "pulumi"
