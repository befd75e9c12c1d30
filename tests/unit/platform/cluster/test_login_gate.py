"""The gate: the certificate of all hosts, and what each ingress controller is told so that it asks about requests."""

from __future__ import annotations

from typing import Any

import pytest

from codeopen.environment.cluster_settings import ClusterSettings, IngressSettings
from codeopen.errors import SettingsError
from codeopen.platform.cluster.access.login_gate import gate_objects
from codeopen.platform.cluster.project_objects import project_objects
from codeopen.platform.cluster.validation import validate
from tests.unit.platform.cluster.test_project import deployment, objects

ASKED = "http://auth.codeopen-system.svc:4180/verify"
NGINX = "nginx.ingress.kubernetes.io"
TRAEFIK = "traefik.ingress.kubernetes.io"


def settings(class_name: str = "traefik", **more: Any) -> ClusterSettings:
    return ClusterSettings(ingress=IngressSettings("dev.example.com", class_name=class_name, **more))


def route(of: ClusterSettings) -> dict[str, Any]:
    """The project's Ingress."""
    return dict(objects(deployment(), of)["ingress/workspace"].manifest)


def said_to_controller(of: ClusterSettings) -> dict[str, str]:
    """What the project's Ingress says to its controller."""
    found = route(of)["metadata"]["annotations"]
    return {key: value for key, value in found.items() if "ingress.kubernetes.io" in key}


@pytest.mark.parametrize("class_name", ["traefik", "nginx", "haproxy"])
def test_a_projects_route_asks_for_no_secret_that_its_namespace_does_not_have(class_name: str) -> None:
    found = objects(deployment(), settings(class_name, tls_secret="wildcard"))
    (tls,) = found["ingress/workspace"].manifest["spec"]["tls"]
    assert tls == {"hosts": ["acp-gateway--demo.dev.example.com", "opencode--demo.dev.example.com"]}
    assert "tls" not in route(settings(class_name))["spec"]


def test_traefik_takes_the_certificate_from_the_platforms_namespace() -> None:
    (store,) = gate_objects(settings(tls_secret="wildcard"))
    assert (store.kind, store.namespace, store.name) == ("TLSStore", "codeopen-system", "default")
    assert store.manifest["spec"] == {"defaultCertificate": {"secretName": "wildcard"}}
    assert validate([store]) == []
    assert said_to_controller(settings(tls_secret="wildcard")) == {f"{TRAEFIK}/router.tls": "true"}


@pytest.mark.parametrize("class_name", ["nginx", "haproxy"])
def test_no_other_controller_gets_what_only_traefik_knows(class_name: str) -> None:
    of = settings(class_name, forward_auth=ASKED, tls_secret="wildcard", annotations={"a/b": "c"})
    assert gate_objects(of) == (), "the cluster need not have Traefik's kinds"
    assert not [key for key in said_to_controller(of) if key.startswith(TRAEFIK)]


def test_without_an_ingress_there_is_no_gate() -> None:
    assert gate_objects(ClusterSettings()) == ()


def test_nginx_asks_about_each_request_and_lets_web_sockets_rest() -> None:
    of = settings("nginx", forward_auth=ASKED, response_headers=("X-Forwarded-User", "X-Groups"))
    assert said_to_controller(of) == {
        f"{NGINX}/auth-url": ASKED,
        f"{NGINX}/auth-response-headers": "X-Forwarded-User,X-Groups",
        f"{NGINX}/proxy-read-timeout": "3600",
        f"{NGINX}/proxy-send-timeout": "3600",
    }
    assert set(said_to_controller(settings("nginx"))) == {f"{NGINX}/proxy-read-timeout", f"{NGINX}/proxy-send-timeout"}
    assert f"{NGINX}/auth-response-headers" not in said_to_controller(
        settings("nginx", forward_auth=ASKED, response_headers=())
    )
    assert validate(project_objects(deployment(), of)) == []


@pytest.mark.parametrize(
    ("class_name", "key"), [("traefik", f"{TRAEFIK}/router.middlewares"), ("nginx", f"{NGINX}/auth-url")]
)
def test_what_the_settings_say_themselves_counts_more(class_name: str, key: str) -> None:
    of = settings(class_name, forward_auth=ASKED, annotations={key: "another"})
    assert said_to_controller(of)[key] == "another"


def test_a_controller_that_would_let_everybody_in_is_refused() -> None:
    """Until somebody says how it asks."""
    of = settings("haproxy", forward_auth=ASKED)
    refusal = r"ingress\.forwardAuth: .*'haproxy'.*ingress\.annotations.*traefik"
    with pytest.raises(SettingsError, match=refusal):
        gate_objects(of)
    with pytest.raises(SettingsError, match=refusal):
        project_objects(deployment(), of)
    told = settings("haproxy", forward_auth=ASKED, annotations={"haproxy.org/auth": ASKED})
    assert route(told)["metadata"]["annotations"]["haproxy.org/auth"] == ASKED
    assert said_to_controller(settings("haproxy")) == {}, "no gate was asked for"
