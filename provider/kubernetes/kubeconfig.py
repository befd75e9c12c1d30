"""A kubeconfig: which cluster it names, and how to log in there. Fields that aren't known here are refused."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from provider.protocol.errors import PluginError

CLUSTER_FIELDS: Final = {
    *("server", "certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify"),
    *("tls-server-name", "disable-compression", "extensions"),
}
USER_FIELDS: Final = {
    *("client-certificate", "client-certificate-data", "client-key", "client-key-data"),
    *("token", "tokenFile", "exec", "extensions"),
}
FILES: Final = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
WHAT_TO_DO: Final = "set kubernetes:kubeconfig (a path or the content), or the environment's KUBECONFIG"


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """One cluster and one login, each as the kubeconfig has it, with the paths of files made absolute."""

    cluster: Mapping[str, Any]
    user: Mapping[str, Any]
    namespace: str

    @property
    def server(self) -> str:
        return str(self.cluster["server"]).rstrip("/")


@dataclass(frozen=True, slots=True)
class Choice:
    """What the provider's configuration says of the kubeconfig; empty stands for the usual places and entries."""

    kubeconfig: str = field(default="", repr=False)
    context: str = ""
    cluster: str = ""
    namespace: str = ""


def choose(choice: Choice) -> Target:
    """The cluster and the login that this choice means. Raises PluginError, with what to do, where there is none."""
    config = _load(choice.kubeconfig)
    name = choice.context or config.get("current-context") or ""
    context = _entry(config, "context", name) if name or config.get("contexts") else {}
    cluster = _entry(config, "cluster", choice.cluster or context.get("cluster") or "")
    user = _entry(config, "user", context["user"]) if context.get("user") else {}
    _refuse_unknown("cluster", cluster, CLUSTER_FIELDS)
    _refuse_unknown("user", user, USER_FIELDS)
    if not cluster.get("server"):
        raise PluginError(f"the kubeconfig's cluster {choice.cluster or context.get('cluster')} has no server")
    return Target(cluster, user, choice.namespace or context.get("namespace") or "default")


def _load(kubeconfig: str) -> dict[str, Any]:
    """The configuration as one mapping: from content, from one file, or merged from those of the environment."""
    if kubeconfig and ("\n" in kubeconfig or kubeconfig.lstrip().startswith("{")):
        return _parsed(kubeconfig, "kubernetes:kubeconfig", Path.cwd())
    paths = [kubeconfig] if kubeconfig else os.environ.get("KUBECONFIG", "~/.kube/config").split(os.pathsep)
    merged: dict[str, Any] = {}
    for path in (Path(each).expanduser() for each in paths if each):
        if path.is_file():
            for key, value in _parsed(path.read_text(), str(path), path.resolve().parent).items():
                # The first file wins; lists are of named entries, of which the first of a name wins too.
                merged[key] = [*merged.get(key, []), *value] if isinstance(value, list) else merged.get(key) or value
    if not merged:
        raise PluginError(f"no kubeconfig at {', '.join(paths)}: {WHAT_TO_DO}")
    return merged


def _parsed(text: str, where: str, folder: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError:
        config = None  # the error would show the text, which holds credentials
    if not isinstance(config, dict):
        raise PluginError(f"{where} is not a kubeconfig: {WHAT_TO_DO}")
    for kind in ("cluster", "user"):
        for entry in config.get(f"{kind}s") or []:
            found = entry.get(kind) or {}
            for name in set(FILES) & set(found):
                found[name] = str(folder / Path(found[name]).expanduser())
            if "/" in str(found.get("exec", {}).get("command", "")):
                found["exec"]["command"] = str(folder / found["exec"]["command"])
    return config


def _entry(config: Mapping[str, Any], kind: str, name: str) -> dict[str, Any]:
    for entry in config.get(f"{kind}s") or []:
        if entry.get("name") == name:
            return dict(entry.get(kind) or {})
    names = ", ".join(str(entry.get("name")) for entry in config.get(f"{kind}s") or []) or "none"
    raise PluginError(f"the kubeconfig has no {kind} {name!r} (it has: {names}); {WHAT_TO_DO}")


def _refuse_unknown(kind: str, entry: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(entry) - known):
        raise PluginError(
            f"the kubeconfig's {kind} has {', '.join(unknown)}, which the fallback kubernetes plugin doesn't support; "
            "remove it, or use the official plugin"
        )
