"""Says which nodes are warmed, by a label; runs in a pod of the platform with Python's standard library alone.

A DaemonSet can't say this itself: its pods tolerate the taint of a full disk, and on its first day it would start on
all nodes at once. A node gets the label's value ``on`` when there is a place among those that warm; one whose disk is
full gets ``paused``, which takes its warm-up pod away, and with it the claim of that pod's containers on the images.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import time
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

LABEL = "codeopen.dev/warm-up"
ON = "on"
PAUSED = "paused"
PATIENCE_SECONDS = 3600  # a pod that hasn't come so far by then holds no place among those that warm
_FAILURES = 10
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Rules:
    """``pools`` are the labels that nodes of a pool have; ``parallel`` of 0 is no limit."""

    pools: tuple[Mapping[str, str], ...]
    parallel: int
    cooldown_seconds: float


def decide(
    nodes: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]], rules: Rules, now: float
) -> dict[str, str]:
    """The label's new value of each node that gets one; ``pods`` are the warm-up's."""
    known = {node["metadata"]["name"]: node for node in nodes if _in_pool(node, rules)}
    ready = {name for name, node in known.items() if _condition(node, "Ready").get("status") == "True"}
    changes = {name: PAUSED for name, node in known.items() if _disk_is_full(node) and _label(node) in {"", ON}}
    warming = {pod["spec"].get("nodeName", "") for pod in pods if _is_warming(pod, now)} & ready - set(changes)
    places = rules.parallel - len(warming) if rules.parallel else len(known)
    waiting = [name for name in sorted(ready) if name not in changes and _may_begin(known[name], rules, now)]
    return changes | dict.fromkeys(waiting[: max(places, 0)], ON)


def _in_pool(node: Mapping[str, Any], rules: Rules) -> bool:
    labels = node["metadata"].get("labels", {})
    return any(all(labels.get(key) == value for key, value in pool.items()) for pool in rules.pools)


def _label(node: Mapping[str, Any]) -> str:
    return str(node["metadata"].get("labels", {}).get(LABEL, ""))


def _condition(node: Mapping[str, Any], kind: str) -> Mapping[str, str]:
    conditions: list[Mapping[str, str]] = node.get("status", {}).get("conditions") or []
    return next((condition for condition in conditions if condition["type"] == kind), {})


def _disk_is_full(node: Mapping[str, Any]) -> bool:
    return _condition(node, "DiskPressure").get("status") == "True"


def _may_begin(node: Mapping[str, Any], rules: Rules, now: float) -> bool:
    # Any other value is a person's.
    if _label(node) not in {"", PAUSED} or _disk_is_full(node) or node["spec"].get("unschedulable"):
        return False
    since = _seconds(_condition(node, "DiskPressure").get("lastTransitionTime", ""))
    return _label(node) != PAUSED or now - since >= rules.cooldown_seconds


def _is_warming(pod: Mapping[str, Any], now: float) -> bool:
    conditions = pod.get("status", {}).get("conditions") or []
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return not ready and now - _seconds(pod["metadata"]["creationTimestamp"]) < PATIENCE_SECONDS


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0


class Cluster:
    """The API server, as the pod's service account sees it. Its token is read anew each time, since it is renewed."""

    def __init__(self, url: str, account: Path, namespace: str, pods: str) -> None:
        self._url = url
        self._account = account
        self._pods = f"/api/v1/namespaces/{namespace}/pods?resourceVersion=0&labelSelector={pods}"
        self._tls = ssl.create_default_context(cafile=str(account / "ca.crt"))

    def nodes(self) -> list[dict[str, Any]]:
        return self._list("/api/v1/nodes?resourceVersion=0")

    def pods(self) -> list[dict[str, Any]]:
        return self._list(self._pods)

    def put_label(self, node: str, value: str) -> None:
        self._call("PATCH", f"/api/v1/nodes/{node}", {"metadata": {"labels": {LABEL: value}}})

    def _list(self, path: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self._call("GET", path)["items"]
        return items

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        token = (self._account / "token").read_text(encoding="utf-8").strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/merge-patch+json"}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self._url + path, data, headers, method=method)  # noqa: S310 - always https
        with urllib.request.urlopen(request, timeout=30, context=self._tls) as answer:  # noqa: S310
            return json.load(answer)


def put_labels(cluster: Cluster, rules: Rules, now: float) -> dict[str, str]:
    """Look at all nodes once, and give labels; returns those that were given."""
    changes = decide(cluster.nodes(), cluster.pods(), rules, now)
    for node, value in sorted(changes.items()):
        cluster.put_label(node, value)
    return changes


def main() -> int:
    """Look again and again; end when the API server can't be reached ten times in a row, so that it is seen."""
    values = json.loads(os.environ["WARM_UP"])
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    cluster = Cluster(url, _ACCOUNT, values["namespace"], values["pods"])
    rules = Rules(tuple(values["pools"]), values["parallel"], values["cooldownSeconds"])
    failures = 0
    while failures < _FAILURES:
        try:
            for node, value in put_labels(cluster, rules, time.time()).items():
                print(f"{node}: {value}", flush=True)  # noqa: T201 - the pod's log
            failures = 0
        except OSError as error:
            failures += 1
            print(f"the API server: {error}", file=sys.stderr, flush=True)  # noqa: T201
        time.sleep(values["everySeconds"])
    return 1


if __name__ == "__main__":
    sys.exit(main())
