"""The merged configuration of a combination, from the configurations of its parts' images.

Source: OCI Image Format Specification 1.1, "Image Configuration". What parts put around PATH is put together as a chain
would; any other variable that two parts set differently can't be merged. What starts a container comes from the base,
as does everything that no rule here merges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from codeopen.errors import ComposeError

UNIONS: Final = ("ExposedPorts", "Volumes")
# What has a rule; a part has all else as the base has it, be it a key that nobody knows yet.
_MERGED: Final = frozenset(("Env", "Labels", *UNIONS))
# Labels that say what an image is; the combination's own come in their place.
_OWN_LABELS: Final = ("org.opencontainers.image.", "dev.codeopen.plan-digest")

Config = Mapping[str, Any]


def config_conflicts(base: Config, parts: Mapping[str, Config]) -> list[str]:
    """Why configurations can't be merged, in words, by the parts' names; none when they can."""
    problems = [
        f"{name} sets {key} to {config.get(key)!r}, the base to {base.get(key)!r}"
        for name, config in parts.items()
        for key in sorted((base.keys() | config.keys()) - _MERGED)
        if (config.get(key) or None) != (base.get(key) or None)
    ]
    origin = read_env(base)
    chosen: dict[str, tuple[str, str]] = {}
    for name, config in parts.items():
        for key, value in _changed(origin, read_env(config)).items():
            if key == "PATH" and origin.get(key):
                if _around(origin[key], value) is None:
                    problems.append(f"{name} sets PATH to {value!r}, which does not hold the base's {origin[key]!r}")
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
        env |= _changed(origin, read_env(config))
    if path := origin.get("PATH"):
        env["PATH"] = merge_path(path, [read_env(part).get("PATH", path) for part in parts.values()])
    merged: dict[str, Any] = {key: value for key, value in base.items() if value and key not in _MERGED}
    merged["Env"] = [f"{key}={value}" for key, value in sorted(env.items())]
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
    """The PATH that a chain of the parts would have: each puts its folders around those of all before it.

    ``/opt/go/bin:/usr/bin`` and then ``/opt/x:/usr/bin:/opt/late`` on ``/usr/bin`` give
    ``/opt/x:/opt/go/bin:/usr/bin:/opt/late``. Raises ComposeError for a part that does not hold the base's folders.
    """
    merged = base
    for part in parts:
        around = _around(base, part)
        if around is None:
            raise ComposeError(f"PATH {part!r} does not hold the base's {base!r}")
        before, after = around
        merged = f"{before}{merged}{after}"
    return merged


def read_env(config: Config) -> dict[str, str]:
    """The variables of a configuration by name."""
    return {key: value for key, _, value in (variable.partition("=") for variable in config.get("Env") or ())}


def _labels(config: Config) -> Mapping[str, str]:
    return config.get("Labels") or {}


def _changed(base: Mapping[str, str], part: Mapping[str, str]) -> dict[str, str]:
    """What a part has set: what it only inherited says nothing about what another one has set."""
    return {key: value for key, value in part.items() if base.get(key) != value}


def _around(base: str, path: str) -> tuple[str, str] | None:
    """What a part's PATH has before and after the base's, colons included; nothing where it was written anew.

    A part that writes it anew drops what earlier ones put there, which can't be seen in it.
    """
    before, found, after = f":{path}:".partition(f":{base}:")
    return (f"{before}:"[1:], f":{after}"[:-1]) if found else None
