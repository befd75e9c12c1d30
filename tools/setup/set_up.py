"""Sets a machine up for this checkout: installs what is missing, starts what must run, asks nothing.

``python3 tools/setup/set_up.py [--dry-run] [--machine ordinary|registry-only] [--also cluster|cluster-full|images]``:
it can be run any number of times.
"""

from __future__ import annotations

import argparse
import fcntl
import sys
from collections.abc import Sequence
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - the one script that an older Python may run
    sys.exit("Python 3.11 or newer is missing: install it (on Debian 12, Ubuntu 24.04: `apt-get install python3`)")

import debian
import engine
import extras
import go_tools
import local_files
import mirror
import pulumi_cli
import python_env
from commands import SetupError, succeeds
from extras import Extra
from machine import Machine, look
from paths import Paths
from steps import Step, perform, show

MACHINES = {"ordinary": Machine(releases=True, images=True), "registry-only": Machine(releases=False, images=False)}

INTERRUPTED = 130


def list_steps(paths: Paths, machine: Machine, also: Extra | None = None) -> list[Step]:
    """All steps in order. Only what differs between machines depends on ``machine``."""
    programs = list(dict.fromkeys(_programs(machine) + (extras.programs(also) if also else [])))
    steps = [debian.packages_step(programs), python_env.step(paths), pulumi_cli.cli_step(paths, machine)]
    if not machine.releases:
        steps.append(go_tools.step(paths, go_tools.DOCKER_BUILD, "docker-build"))
    if not machine.images:
        steps.append(go_tools.step(paths, go_tools.BUILDKIT, "BuildKit"))
        steps.append(go_tools.step(paths, go_tools.REGISTRY, "OCI registry"))
    steps += [local_files.buildx_step(paths), pulumi_cli.plugins_step(paths, machine), engine.engine_step(paths)]
    if machine.images:
        steps.append(engine.container_builder_step())
    else:
        steps += [engine.remote_builder_step(paths), mirror.registry_step(paths), mirror.step(paths)]
    steps += extras.steps(paths, machine, also) if also else []
    return [*steps, local_files.checkout_step(paths, machine)]


def _programs(machine: Machine) -> list[tuple[str, str]]:
    # Debian keeps the server's own programs off the PATH; this one comes with them. Tests start servers of their own.
    programs = [("curl", "curl"), ("docker", "docker.io"), ("pg_ctlcluster", "postgresql")]
    if not succeeds(["docker", "info"]):
        programs.append(("dockerd", "docker.io"))
    if not machine.images:
        # busybox makes the image that the plugins are tested with.
        programs += [
            ("busybox", "busybox-static"),
            ("jq", "jq"),
            ("mmdebstrap", "mmdebstrap"),
            ("npm", "npm"),
            ("runc", "runc"),
            ("iptables", "iptables"),
        ]
    return programs


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="set_up.py", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
    parser.add_argument("--machine", choices=sorted(MACHINES), help="don't look, take this kind of machine")
    parser.add_argument(
        "--also",
        type=Extra,
        choices=list(Extra),
        help="what more tests need: a control plane, all that `make cluster` takes, or all that `make images` takes",
    )
    given = parser.parse_args(argv)
    paths = Paths(checkout=Path(__file__).resolve().parent.parent.parent, home=Path.home())
    machine = MACHINES[given.machine] if given.machine else look()
    print(machine, flush=True)
    try:
        if given.dry_run:
            show(list_steps(paths, machine, given.also))
            return 0
        paths.cache.mkdir(parents=True, exist_ok=True)
        paths.state.mkdir(parents=True, exist_ok=True)
        # A second set-up at the same time waits here, and then finds everything done.
        with (paths.cache / "setup.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            perform(list_steps(paths, machine, given.also))
            go_tools.drop_build_caches(paths)
    except SetupError as error:
        print(f"set-up can't go on: {error}", file=sys.stderr)
        if error.log:
            print(error.log, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"set-up can't go on: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("set-up was interrupted; run it again to go on", file=sys.stderr)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
