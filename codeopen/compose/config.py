"""The merged configuration of a combination, from the configurations of its parts' images.

Source: OCI Image Format Specification 1.1, "Image Configuration". PATH is merged in order; any other variable that two
parts set differently can't be merged. What starts a container comes from the base.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from codeopen.errors import ComposeError

# What every part must have as the base has it: it says how a container is run.
FROM_BASE: Final = ("User", "Entrypoint", "Cmd", "WorkingDir", "Healthcheck", "Shell", "StopSignal", "ArgsEscaped")
UNIONS: Final = ("ExposedPorts", "Volumes")
# Labels that say what an image is; the combination's own come in their place.
_OWN_LABELS: Final = ("org.opencontainers.image.", "dev.codeopen.plan-digest")

Config = Mapping[str, Any]


def config_conflicts(base: Config, parts: Mapping[str, Config]) -> list[str]:
    """Why configurations can't be merged, in words, by the parts' names; none when they can."""
    problems = [
        f"{name} sets {key} to {config.get(key)!r}, the base to {base.get(key)!r}"
        for name, config in parts.items()
        for key in FROM_BASE
        if (config.get(key) or None) != (base.get(key) or None)
    ]
    origin = read_env(base)
    chosen: dict[str, tuple[str, str]] = {}
    for name, config in parts.items():
        for key, value in _changed(origin, read_env(config)).items():
            if key == "PATH":
                continue
            holder, other = chosen.setdefault(key, (name, value))
            if other != value:
                problems.append(f"{holder} sets {key} to {other!r}, {name} to {value!r}")
    return problems


def merge_configs(base: Config, parts: Mapping[str, Config], labels: Mapping[str, str]) -> dict[str, Any]:
    """The configuration of a combination, its keys sorted. Raises ComposeError for those that can't be merged."""
    if problems := config_conflicts(base, parts):
        raise ComposeError(f"configurations can't be merged: {'; '.join(problems)}")
    origin = read_env(base)
    env = dict(origin)
    for config in parts.values():
        env |= {key: value for key, value in _changed(origin, read_env(config)).items() if key != "PATH"}
    env["PATH"] = merge_path(origin.get("PATH", ""), [read_env(part).get("PATH", "") for part in parts.values()])
    merged: dict[str, Any] = {key: base[key] for key in FROM_BASE if base.get(key)}
    merged["Env"] = [f"{key}={value}" for key, value in sorted(env.items()) if value or key != "PATH"]
    for key in UNIONS:
        union: dict[str, dict[str, str]] = {
            item: {} for config in (base, *parts.values()) for item in config.get(key) or ()
        }
        if union:
            merged[key] = dict(sorted(union.items()))
    kept = dict(_labels(base))
    for config in parts.values():
        kept |= _changed(_labels(base), _labels(config))
    inherited = {key: value for key, value in kept.items() if not key.startswith(_OWN_LABELS)}
    merged["Labels"] = dict(sorted({**inherited, **labels}.items()))
    return dict(sorted(merged.items()))


def merge_path(base: str, parts: Sequence[str]) -> str:
    """One PATH with the folders of all: what a part has put before one of the base's stays before it.

    ``/opt/go/bin:/usr/bin`` and ``/usr/bin:/opt/late`` on ``/usr/bin`` give ``/opt/go/bin:/usr/bin:/opt/late``.
    """
    merged = _folders(base)
    for part in parts:
        waiting: list[str] = []
        at = 0
        for folder in _folders(part):
            if folder in merged:
                at = merged.index(folder)
                merged[at:at] = waiting
                at += len(waiting) + 1
                waiting = []
            else:
                waiting.append(folder)
        merged[at:at] = waiting
    return ":".join(merged)


def read_env(config: Config) -> dict[str, str]:
    """The variables of a configuration by name."""
    return {key: value for key, _, value in (variable.partition("=") for variable in config.get("Env") or ())}


def _labels(config: Config) -> Mapping[str, str]:
    return config.get("Labels") or {}


def _changed(base: Mapping[str, str], part: Mapping[str, str]) -> dict[str, str]:
    """What a part has set: what it only inherited says nothing about what another one has set."""
    return {key: value for key, value in part.items() if base.get(key) != value}


def _folders(path: str) -> list[str]:
    return list(dict.fromkeys(_words(path.split(":"))))


def _words(words: Iterable[str]) -> Iterable[str]:
    return (word for word in words if word)
