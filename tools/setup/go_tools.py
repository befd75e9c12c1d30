"""Compiles the tools whose releases can't be fetched, from Go modules that are pinned by go.sum.

Finished binaries are kept under the hash of everything that made them; Go's caches are dropped, they reach 14 GB.
Those of a test's cluster are in cluster_tools.py.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from commands import SetupError, found, run
from paths import Paths
from steps import Step

GO_MINIMUM = (1, 21)
GO_MISSING = (
    "Go 1.21 or newer is missing: install it from https://go.dev/dl (it fetches the version it needs by itself)"
)
SDK = "github.com/pulumi/pulumi/sdk/v3"
SDK_SCRIPTS = ("cmd/pulumi-language-python-exec", "dist/pulumi-resource-pulumi-python")
# Compiling takes both of a small machine's cores for minutes; whatever else it does comes first.
POLITELY = ("-toolexec", "nice -n 5")


@dataclass(frozen=True, slots=True)
class GoTool:
    """One Go module under tools/go: the commands it builds (name, package) and where its version is stamped.

    ``copies`` are files of modules that it needs beside its binaries: the module, the path in it, the path beside them.
    """

    module: str
    version: str
    binaries: tuple[tuple[str, str], ...]
    stamp: str
    # These two are hashed only where they are used, so that tools without them kept their hash when these came.
    more_stamps: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    copies: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)


PULUMI = GoTool(
    module="pulumi",
    version="v3.259.0",
    binaries=(("pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"),),
    stamp=f"{SDK}/go/common/version.Version",
    copies=tuple((SDK, f"python/{script}", f"sdk/{script}") for script in SDK_SCRIPTS),
)
DOCKER_BUILD = GoTool(
    module="docker-build",
    version="0.0.22",
    binaries=(
        (
            "pulumi-resource-docker-build",
            "github.com/pulumi/pulumi-docker-build/provider/cmd/pulumi-resource-docker-build",
        ),
    ),
    stamp="github.com/pulumi/pulumi-docker-build/provider.Version",
)
BUILDKIT = GoTool(
    module="buildkit",
    version="v0.31.0",
    binaries=(
        ("buildkitd", "github.com/moby/buildkit/cmd/buildkitd"),
        ("buildctl", "github.com/moby/buildkit/cmd/buildctl"),
    ),
    stamp="github.com/moby/buildkit/version.Version",
)
BUILDX = GoTool(
    module="buildx",
    version="v0.35.0",
    binaries=(("docker-buildx", "github.com/docker/buildx/cmd/buildx"),),
    stamp="github.com/docker/buildx/version.Version",
)
REGISTRY = GoTool(
    module="registry",
    version="v3.0.0",
    binaries=(("registry", "github.com/distribution/distribution/v3/cmd/registry"),),
    stamp="github.com/distribution/distribution/v3/version.version",
)


def pins_hash(paths: Paths, tool: GoTool) -> str:
    """The first 16 digits of a hash over the module's files and the build's flags."""
    source = paths.checkout / "tools" / "go" / tool.module
    digest = hashlib.sha256(repr(tool).encode())
    if tool.more_stamps or tool.copies:
        digest.update(repr((tool.more_stamps, tool.copies)).encode())
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(source).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def directory(paths: Paths, tool: GoTool) -> Path:
    """Where the finished binaries of this tool lie, at the pins of this checkout."""
    return paths.tools / f"{tool.module}-{pins_hash(paths, tool)}"


def step(paths: Paths, tool: GoTool, title: str) -> Step:
    target = directory(paths, tool)

    def already() -> str | None:
        return f"{tool.version}, compiled before" if target.is_dir() else None

    return Step(title, f"compile {tool.version} from Go modules", already, lambda: _compile(paths, tool, target))


def _compile(paths: Paths, tool: GoTool, target: Path) -> str:
    _require_go()
    staging = target.with_name(f"{target.name}.part")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    for name, package in tool.binaries:
        stamps = ((tool.stamp, tool.version), *tool.more_stamps)
        flags = " ".join(["-s", "-w", *(f"-X {variable}={value}" for variable, value in stamps)])
        _go(paths, tool, "build", *POLITELY, "-ldflags", flags, "-o", staging / name, package)
    for module, source, beside in tool.copies:
        folder = Path(_go(paths, tool, "list", "-m", "-f", "{{.Dir}}", module).strip())
        (staging / beside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(folder / source, staging / beside)
    staging.replace(target)
    return f"{tool.version} compiled"


def _require_go() -> None:
    if not found("go"):
        raise SetupError(GO_MISSING)
    version = json.loads(run(["go", "env", "-json", "GOVERSION"], failure=GO_MISSING))["GOVERSION"]
    numbers = re.search(r"go(\d+)\.(\d+)", version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < GO_MINIMUM:
        raise SetupError(GO_MISSING)


def _go(paths: Paths, tool: GoTool, *words: str | Path) -> str:
    work = paths.cache / "go"
    env = {
        "GOMODCACHE": str(work / "mod"),
        "GOCACHE": str(work / "build"),
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false -trimpath",
        "CGO_ENABLED": "0",
        "GOWORK": "off",
    }
    failure = f"{tool.module} {tool.version} can't be compiled"
    source = paths.checkout / "tools" / "go" / tool.module
    return run(["go", *words], failure=failure, cwd=source, env=env)


def drop_build_caches(paths: Paths) -> None:
    """Delete Go's caches of this set-up (never the user's own) once every binary is stored."""
    shutil.rmtree(paths.cache / "go", ignore_errors=True)
