"""Starts the project's own provider: ``run.py … ENGINE_ADDRESS``."""

from __future__ import annotations

import sys
from pathlib import Path

# In the place of this folder, whose modules are those of the package ``provider``.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from provider.protocol.sdk import load_protocol_alone


def main(arguments: list[str]) -> None:
    """Serve the provider; the engine's address is the last argument, after flags of its own."""
    if not arguments:
        sys.exit(f"{Path(__file__).name}: usage: … ENGINE_ADDRESS")
    load_protocol_alone()
    # It imports what load_protocol_alone has prepared.
    from provider import plugin  # noqa: PLC0415

    plugin.run(arguments[-1])


if __name__ == "__main__":
    main(sys.argv[1:])
