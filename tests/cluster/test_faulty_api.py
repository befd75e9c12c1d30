"""The stand-in for an API server in trouble fails what it should, and nothing else."""

from __future__ import annotations

import json
import time

import pytest
import urllib3

from tests.cluster.control_plane import ControlPlane
from tests.cluster.faulty_api import Fault, Faults, faulty_api
from tests.cluster.manifests import namespace


def _client(cluster: ControlPlane) -> urllib3.PoolManager:
    headers = {"Authorization": f"Bearer {cluster.token}", "Content-Type": "application/json"}
    return urllib3.PoolManager(ca_certs=str(cluster.certificate), headers=headers, retries=False)


def _create(cluster: ControlPlane, url: str, name: str) -> urllib3.BaseHTTPResponse:
    return _client(cluster).request("POST", f"{url}/api/v1/namespaces", body=json.dumps(namespace(name)))


def _names(cluster: ControlPlane) -> set[str]:
    return {one["metadata"]["name"] for one in cluster.items("namespaces")}


def test_each_fault_in_its_turn_then_none(cluster: ControlPlane) -> None:
    with faulty_api(cluster, Faults(first=4)) as api:
        refused = _create(cluster, api.url, "faults-1")
        assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
        broken = _create(cluster, api.url, "faults-1")
        assert (broken.status, broken.json()["reason"]) == (500, "InternalError")
        with pytest.raises(urllib3.exceptions.ProtocolError):
            _create(cluster, api.url, "faults-1")
        assert "faults-1" not in _names(cluster)
        with pytest.raises(urllib3.exceptions.ProtocolError):
            _create(cluster, api.url, "faults-1")
        assert "faults-1" in _names(cluster), "done, though nobody heard"
        assert _create(cluster, api.url, "faults-2").status == 201
        assert (api.faults.failed, api.faults.passed) == (list(Fault), 1)


def test_a_share_of_all_fails(cluster: ControlPlane) -> None:
    with faulty_api(cluster, Faults(share=0.3, kinds=(Fault.BROKEN,))) as api:
        for number in range(60):
            _create(cluster, api.url, f"share-{number % 2}")
        assert (len(api.faults.failed), api.faults.passed) == (18, 42)


def test_a_client_that_retries_gets_its_way(cluster: ControlPlane) -> None:
    with faulty_api(cluster, Faults(first=2, kinds=(Fault.TOO_MANY,))) as api:
        cluster.kubectl("--kubeconfig", str(api.kubeconfig), "create", "namespace", "retried")
        assert len(api.faults.failed) == 2
    assert "retried" in _names(cluster)


def test_watches_tell_of_each_change_at_once(cluster: ControlPlane) -> None:
    with faulty_api(cluster, Faults(first=100)) as api:
        address = f"{api.url}/api/v1/namespaces?watch=1&fieldSelector=metadata.name%3Dwatched"
        watch = _client(cluster).request("GET", address, preload_content=False, timeout=20)
        cluster.apply(namespace("watched"))
        start = time.monotonic()
        event = json.loads(next(iter(watch.stream())))
        assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "watched")
        assert time.monotonic() - start < 5
        watch.close()


def test_an_api_server_that_is_away_is_a_dropped_connection(cluster: ControlPlane) -> None:
    with faulty_api(cluster, Faults()) as api:
        assert _create(cluster, api.url, "away-1").status == 201
        cluster.programs.running["kube-apiserver"].end()
        with pytest.raises(urllib3.exceptions.ProtocolError):
            _create(cluster, api.url, "away-2")
        cluster.restart_api_server()
        assert _create(cluster, api.url, "away-2").status == 201
