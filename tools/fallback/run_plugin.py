"""Starts one of the fallback plugins: ``run_plugin.py language EXEC_SCRIPT|docker|kubernetes … ENGINE_ADDRESS``.

The scripts that Pulumi finds by name (``pulumi-resource-docker``, …) call this with an interpreter that has the Pulumi
SDK. Imports happen in the functions: a plugin loads only what it needs, since it starts with every preview.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[2]))  # where the package ``provider`` lies

from provider.protocol.sdk import load_protocol_alone


def main(arguments: list[str]) -> None:
    """Serve the plugin named first; the engine's address is the last argument, after flags of its own."""
    plugin, *rest = arguments or [""]
    if plugin not in {"language", "docker", "kubernetes"} or not rest:
        sys.exit(f"{Path(__file__).name}: usage: language EXEC_SCRIPT|docker|kubernetes … ENGINE_ADDRESS")
    load_protocol_alone()
    match plugin:
        case "language":
            from fallback_plugins import language_host  # noqa: PLC0415

            language_host.run(rest[-1], Path(rest[0]))
        case "docker":
            from fallback_plugins.docker import plugin as docker_plugin  # noqa: PLC0415

            docker_plugin.run(rest[-1])
        case _:
            from fallback_plugins.kubernetes import plugin as kubernetes_plugin  # noqa: PLC0415

            kubernetes_plugin.run(rest[-1])


if __name__ == "__main__":
    main(sys.argv[1:])
