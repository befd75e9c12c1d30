from __future__ import annotations

import pytest

from codeopen.platform.projects.retry import passes

PASSING = [
    "can't create Namespace x: no API server answers at https://c:6443 (Connection refused), and it did not get better",
    "can't create Service x/y: the API server says 429 Too many requests, and it did not get better in time",
    'Get "https://10.0.0.1:443/api": dial tcp 10.0.0.1:443: connect: connection refused',
    'Post "https://c/apis": net/http: TLS handshake timeout',
    "configured Kubernetes cluster is unreachable: unable to load schema information from the API server: timeout",
    "resource default/x was not successfully created by the API server : etcdserver: request timed out",
    "the server is currently unable to handle the request (post deployments.apps)",
    "http2: client connection lost",
    'Put "https://c/api": EOF',
    "etcdserver: leader changed",
    "the server was unable to return a response in the time allotted, but may still be processing the request",
    "read tcp 10.0.0.2:1->10.0.0.1:443: read: connection reset by peer",
    "Too Many Requests: please try again later",
    "can't update PersistentVolumeClaim x/home: the API server says 403 forbidden: exceeded quota: workspace",
]
STAYING = [
    "can't create Namespace x: it exists already, and this resource did not make it",
    "ghcr.io/o/codeopen-go:plan-1 is not published: run `codeopen ensure` for it",
    "can't update StatefulSet: the API server says 422 Unprocessable Entity",
    "project 'shop': tier 'enormous': the catalog has none of that id",
    "the API server says 403 namespaces is forbidden",
    "the API server says 401 Unauthorized",
    "x509: certificate signed by unknown authority",
]


@pytest.mark.parametrize("error", PASSING)
def test_an_api_server_that_is_busy_or_away_passes(error: str) -> None:
    assert passes([error])
    assert passes([error, "update failed"])


@pytest.mark.parametrize("error", STAYING)
def test_what_stays_wrong_is_not_tried_again(error: str) -> None:
    assert not passes([error])
    assert not passes([PASSING[0], error]), "one error that stays is enough"


def test_a_failure_without_a_cause_is_not_tried_again() -> None:
    assert not passes([])
    assert not passes(["update failed"])
