"""A stack's configuration file, read as the Pulumi CLI reads it: whoever wrote it, a person or the CLI itself.

Plain ``pulumi preview`` and ``pulumi config set`` rewrite the file: ``true`` and ``5000`` become text, a salt is added,
a secret is ``secure:`` with ciphertext. ``codeopen.environment.read_cluster.scalar`` makes of text what a key is.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from codeopen.environment.children import run
from codeopen.errors import SettingsError, UnknownStackError
from codeopen.model.selection.closest import closest

PREFIX: Final = "codeopen:"
SCALAR_KEYS: Final = (
    *("catalog", "registry", "owner", "imageVersion", "builder", "beforeTag", "mirror"),
    *("substitutes", "registryPort", "hostPorts", "processLimit"),
)
OBJECT_KEYS: Final = ("platforms", "parts", "combinations", "projects", "cluster", "project")
_OTHER_SECTIONS: Final = {"encryptionsalt", "encryptedkey", "secretsprovider", "environment"}
_CLI_SECONDS: Final = 120
_SECURE: Final = "secure"


class _Loader(yaml.SafeLoader):
    """The YAML of the CLI (1.2): ``13:30`` is no number, ``yes`` no boolean, a day no date."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*\.[0-9_]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))


def read_stack_document(checkout: Path, stack: str) -> dict[str, Any]:
    """All of a stack's committed file, secrets as ciphertext; it has a ``config``. Raises SettingsError."""
    file = _file(checkout, stack)
    if not file.is_file():
        names = (path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in file.parent.glob("Pulumi.*.yaml"))
        raise UnknownStackError(f"stack {stack!r}: {file} does not exist; {closest(stack, sorted(names))}")
    try:
        # A subclass of the safe loader, which makes nothing but plain values.
        document = yaml.load(file.read_text(encoding="utf-8"), _Loader)  # noqa: S506
        config = document["config"] if not _OTHER_SECTIONS & document.keys() else document.get("config")
        return {**document, "config": {str.strip(key): value for key, value in (config or {}).items()}}
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError) as error:
        cause = " ".join(str(error).split())
        raise SettingsError(f"{file}: is not a stack's configuration ({cause}); write it as the others") from error


def read_stack_values(checkout: Path, stack: str) -> dict[str, Any]:
    """A stack's committed configuration, without the keys' prefix. Raises SettingsError.

    Secrets among the settings are deciphered by the CLI, with the stack's own passphrase or key. Other secrets, which
    the program alone uses, are left out.
    """
    config = read_stack_document(checkout, stack)["config"]
    values = {key.removeprefix(PREFIX): value for key, value in config.items()}
    secrets = {key for key, value in values.items() if _has_secret(value)}
    wanted = sorted(secrets.intersection(SCALAR_KEYS + OBJECT_KEYS))
    shown = _decipher(checkout, stack, wanted) if wanted else {}
    return {key: value for key, value in values.items() if key not in secrets} | shown


def _decipher(checkout: Path, stack: str, keys: list[str]) -> dict[str, Any]:
    command = ["pulumi", "--non-interactive", "config", "--show-secrets", "--json"]
    command += ["--stack", stack, "--config-file", str(_file(checkout, stack))]
    try:
        done = run(command, cwd=checkout, seconds=_CLI_SECONDS)
        cause = done.stderr.strip() if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        cause = str(error)
    if cause:
        names = ", ".join(f"{PREFIX}{key}" for key in keys)
        raise SettingsError(
            f"{_file(checkout, stack)}: {names} can't be deciphered: {cause}; see that the stack exists "
            "(`pulumi stack ls`), that `.codeopen/env` is sourced, and that the passphrase or key is the stack's"
        )
    shown = json.loads(done.stdout)
    found = {key: shown[f"{PREFIX}{key}"] for key in keys}
    return {key: entry.get("objectValue", entry["value"]) for key, entry in found.items()}


def _has_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        return list(value) == [_SECURE] or any(map(_has_secret, value.values()))
    return isinstance(value, list) and any(map(_has_secret, value))


def _file(checkout: Path, stack: str) -> Path:
    return checkout / "stacks" / f"Pulumi.{stack}.yaml"
