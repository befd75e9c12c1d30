"""The part of the Pulumi SDK that a plugin needs."""

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
