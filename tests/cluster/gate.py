"""The gate of a test's cluster: real Traefik, and a stand-in for the service that it asks about each request."""

from __future__ import annotations

import http.client
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from cluster_tools import TRAEFIK
from tests.cluster.control_plane import ControlPlane
from tests.cluster.programs import tools
from tests.live import free_port

LOOPBACK: Final = "127.0.0.1"
REQUEST_SECONDS: Final = 30
START_SECONDS: Final = 60
# Traefik serves Ingresses of a class that is its own.
INGRESS_CLASS: Final = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {"name": "traefik"},
    "spec": {"controller": "traefik.io/ingress-controller"},
}


@dataclass(frozen=True, slots=True)
class Answer:
    """``asks`` says whether it asks for a login, as ports do and the gate doesn't."""

    status: int
    asks: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class Gate:
    """Where requests go, and the platform's credential that lets them through."""

    port: int
    forward_auth: str
    credential: str = field(repr=False)

    def ask(
        self,
        host: str,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        passing: bool = True,
    ) -> Answer:
        """What a host of the cluster answers; with ``passing`` the request has the platform's credential."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=REQUEST_SECONDS)
        try:
            connection.request(method, path, body, self.headers(host, headers, passing=passing))
            answer = connection.getresponse()
            return Answer(answer.status, "WWW-Authenticate" in answer.headers, answer.read())
        finally:
            connection.close()

    def headers(self, host: str, more: Mapping[str, str] | None = None, *, passing: bool = True) -> dict[str, str]:
        cookie = {"Cookie": f"platform={self.credential}"} if passing else {}
        return {"Host": host, **cookie, **(more or {})}


class ForwardAuthStandIn(BaseHTTPRequestHandler):
    """Stands in for an identity provider's proxy: one cookie is right, and everybody who has it is ``tester``.

    It answers without ``Authorization``, so that what reaches a port in that header is what the client sent.
    """

    credential: str

    def do_GET(self) -> None:
        allowed = f"platform={self.credential}" in self.headers.get("Cookie", "").split("; ")
        self.send_response(http.HTTPStatus.OK if allowed else http.HTTPStatus.UNAUTHORIZED)
        if allowed:
            self.send_header("X-Forwarded-User", "tester")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing: credentials are in it."""


@contextmanager
def gate(cluster: ControlPlane) -> Iterator[Gate]:
    """Traefik on the host, which reaches pods by their addresses, with its CRDs and its class of Ingresses."""
    binaries = tools(TRAEFIK)
    cluster.kubectl("apply", "--server-side", "-f", str(binaries / "crds" / "traefik.yaml"))
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    cluster.apply(INGRESS_CLASS)
    credential = secrets.token_hex(16)
    handler = type("Handler", (ForwardAuthStandIn,), {"credential": credential})
    with ThreadingHTTPServer((LOOPBACK, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made = Gate(free_port(), f"http://{LOOPBACK}:{server.server_port}/verify", credential)
        _start_traefik(cluster, made.port)
        try:
            yield made
        finally:
            cluster.programs.end("traefik")
            server.shutdown()


def _start_traefik(cluster: ControlPlane, port: int) -> None:
    token = cluster.folder / "traefik.token"
    token.write_text(cluster.token)
    token.chmod(0o600)
    words = [f"--entrypoints.web.address={LOOPBACK}:{port}", "--global.checknewversion=false", "--log.level=INFO"]
    # A project that sleeps is there, but unavailable; without this, Traefik says that there is no such page.
    words.append("--providers.kubernetesingress.allowemptyservices")
    for provider in ("kubernetesingress", "kubernetescrd"):
        words.append(f"--providers.{provider}.endpoint={cluster.url}")
        words += [
            f"--providers.{provider}.token={token}",
            f"--providers.{provider}.certauthfilepath={cluster.certificate}",
        ]
    cluster.programs.start("traefik", tools(TRAEFIK) / "traefik", *words)

    def answers() -> bool:
        try:
            return Gate(port, "", "").ask("nobody.example.com", "/").status == http.HTTPStatus.NOT_FOUND
        except OSError:
            return False

    cluster.wait_for("Traefik", answers, START_SECONDS)
