"""Starts one of the project's plugins: ``run_plugin.py language EXEC_SCRIPT|NAME … ENGINE_ADDRESS``.

The scripts that Pulumi finds by name (``pulumi-resource-codeopen``, …) call this with an interpreter that has the
Pulumi SDK. Imports happen in the functions: a plugin loads only what it needs, since it starts with every preview.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType


def load_protocol_alone() -> None:
    """Make ``pulumi.runtime.proto`` importable without the rest of the SDK, which takes half a second to import."""
    spec = PathFinder.find_spec("pulumi")
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"the Pulumi SDK is missing in {sys.executable}: install the project's requirements there")
    folder = Path(spec.submodule_search_locations[0])
    for name, path in (("pulumi", folder), ("pulumi.runtime", folder / "runtime")):
        package = ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules[name] = package


def main(arguments: list[str]) -> None:
    """Serve the plugin named first; the engine's address is the last argument, after flags of its own."""
    plugin, *rest = arguments or [""]
    if plugin not in {"language", "docker", "kubernetes", "codeopen"} or not rest:
        sys.exit(f"{Path(__file__).name}: usage: language EXEC_SCRIPT|docker|kubernetes|codeopen … ENGINE_ADDRESS")
    load_protocol_alone()
    match plugin:
        case "language":
            from codeopen_plugins import language_host  # noqa: PLC0415

            language_host.run(rest[-1], Path(rest[0]))
        case "docker":
            from codeopen_plugins.docker import plugin as docker_plugin  # noqa: PLC0415

            docker_plugin.run(rest[-1])
        case "kubernetes":
            from codeopen_plugins.kubernetes import plugin as kubernetes_plugin  # noqa: PLC0415

            kubernetes_plugin.run(rest[-1])
        case _:
            from codeopen_plugins.codeopen import plugin as codeopen_plugin  # noqa: PLC0415

            codeopen_plugin.run(rest[-1])


if __name__ == "__main__":
    main(sys.argv[1:])
