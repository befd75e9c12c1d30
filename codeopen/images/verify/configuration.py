"""What must hold for the configuration of every image: each rule one small function that tells what breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from codeopen.images.verify.evidence import Evidence
from codeopen.images.verify.leaks import find_in_command, find_in_value
from codeopen.model.plan.labels import SUBSTITUTE, UPSTREAM, identity_labels

_USER: Final = "developer"
_ANNOTATION: Final = "org.opencontainers.image."
# What decides how a container of an image starts, runs and ends.
_START: Final = ("Entrypoint", "Cmd", "WorkingDir", "Healthcheck", "StopSignal", "Volumes", "Shell")


def user_is_developer(evidence: Evidence) -> Iterator[str]:
    user = evidence.found.config.get("User", "")
    if user != _USER:
        yield f"it runs as {user or 'root'}"


def starts_as_the_base_does(evidence: Evidence) -> Iterator[str]:
    """The base's entry point, command, folder and health check, which a part's Dockerfile could replace."""
    config, base = evidence.found.config, evidence.base.config
    for key in _START:
        if config.get(key) != base.get(key):
            yield f"{key} is {config.get(key)}, which is {base.get(key)} in the base"
    if (config.get("Entrypoint") or [""])[0].rpartition("/")[2] != "tini":
        yield f"the first program is {config.get('Entrypoint')}, which ends no orphans"
    if (config.get("Healthcheck") or {}).get("Test") != ["CMD", "/usr/local/bin/codeopen-health"]:
        yield f"the health check is {config.get('Healthcheck')}"


def environment_is_the_catalogs(evidence: Evidence) -> Iterator[str]:
    found = evidence.found.env
    for name, value in evidence.expected.env.items():
        if found.get(name) != value:
            yield f"{name} is {found.get(name)!r}, which is {value!r} in the catalog"


def ports_are_the_catalogs(evidence: Evidence) -> Iterator[str]:
    found = set(evidence.found.config.get("ExposedPorts") or {})
    wanted = {f"{port.port}/tcp" for port in evidence.expected.ports}
    yield from (f"{port} is not exposed" for port in sorted(wanted - found))
    yield from (f"{port} is exposed and not in the catalog" for port in sorted(found - wanted))


def labels_say_what_it_is(evidence: Evidence) -> Iterator[str]:
    expected, found = evidence.expected, evidence.found.labels
    wanted = {**identity_labels(expected.title, expected.plan_digest), **expected.origin}
    wanted |= {f"{UPSTREAM}{name}": version for name, version in expected.upstreams.items()}
    notes = {f"{SUBSTITUTE}{name}": note for name, note in expected.substitutes.items()}
    wanted |= {name: note for name, note in notes.items() if name.removeprefix(SUBSTITUTE) in expected.upstreams}
    for name, value in wanted.items():
        if found.get(name, "") != value:
            yield f"label {name} is {found.get(name)!r} instead of {value!r}"
    for name in found:
        if name.startswith(SUBSTITUTE) and name not in notes:
            yield f"label {name}: nothing stands in for that upstream"
    for name, value in found.items():
        if name.startswith(_ANNOTATION) and name not in wanted and value:
            yield f"label {name} is {value!r}, which is not said of this image"


def no_secret_in_the_configuration(evidence: Evidence) -> Iterator[str]:
    """Neither in a variable or a label, nor in a command of its history."""
    for kind, values in (("variable", evidence.found.env), ("label", evidence.found.labels)):
        for name, value in values.items():
            if what := find_in_value(name, value):
                yield f"{kind} {name} holds {what}"
    for number, command in enumerate(evidence.found.history, start=1):
        for what in find_in_command(command):
            yield f"step {number} of its history holds {what}"
