"""A stand-in for an API server that is overloaded or ends: a proxy before the real one that fails some requests.

It fails requests that change something, and relays all others, watches among them. Not relayed: upgraded connections
(exec, port-forward).
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import urllib3

from tests.cluster.certificates import write_kubeconfig
from tests.cluster.control_plane import LOOPBACK, ControlPlane

CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "host", "te", "trailer", "upgrade"})
EMPTY = (204, 304)
RETRY_SECONDS = 1


class Fault(StrEnum):
    """How a request fails: refused with a time to come back, refused as broken, dropped, or done with no answer."""

    TOO_MANY = "429"
    BROKEN = "500"
    DROPPED = "dropped"
    LOST = "lost"


ALL_FAULTS = tuple(Fault)


@dataclass(slots=True)
class Faults:
    """Which changing requests fail: the ``first`` ones, then an even ``share`` of them, one kind after another."""

    first: int = 0
    share: float = 0.0
    kinds: tuple[Fault, ...] = ALL_FAULTS
    failed: list[Fault] = field(default_factory=list)
    passed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> Fault | None:
        """What becomes of the next changing request."""
        with self.lock:
            number = len(self.failed) + self.passed
            if number < self.first or int((number + 1) * self.share) > int(number * self.share):
                self.failed.append(self.kinds[len(self.failed) % len(self.kinds)])
                return self.failed[-1]
            self.passed += 1
            return None


@dataclass(frozen=True, slots=True)
class FaultyApi:
    """The proxy's own address and kubeconfig; ``faults`` counts what it did."""

    url: str
    kubeconfig: Path
    faults: Faults


@contextmanager
def faulty_api(cluster: ControlPlane, faults: Faults, name: str = "faulty") -> Iterator[FaultyApi]:
    """A proxy before this cluster's API server, on a free port; clients trust it as they trust the server."""
    upstream = urllib3.PoolManager(ca_certs=str(cluster.certificate), maxsize=64, retries=False, timeout=None)

    class Handler(_Relay):
        target = cluster.url
        pool = upstream
        plan = faults

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(cluster.certificate, cluster.certificate.with_suffix(".key"))
    with _Server((LOOPBACK, 0), Handler) as server:
        # The thread of each connection shakes hands: one slow client must not keep the others waiting.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"https://{LOOPBACK}:{server.server_address[1]}"
        kubeconfig = cluster.folder / f"{name}.kubeconfig"
        write_kubeconfig(kubeconfig, url, cluster.certificate, cluster.token)
        try:
            yield FaultyApi(url, kubeconfig, faults)
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    block_on_close = False  # a watch may last for minutes


class _Relay(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    target: str
    pool: urllib3.PoolManager
    plan: Faults

    def handle_one_request(self) -> None:
        with suppress(OSError):
            return super().handle_one_request()
        self.close_connection = True
        return None

    def __getattr__(self, name: str) -> Any:
        """All methods are served alike."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.plan.next() if self.command in CHANGING else None
        if fault is Fault.DROPPED:
            self.close_connection = True
        elif fault is Fault.TOO_MANY:
            self._refuse(429, "TooManyRequests")
        elif fault is Fault.BROKEN:
            self._refuse(500, "InternalError")
        else:
            self._relay(body, answer=fault is None)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _refuse(self, code: int, reason: str) -> None:
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
        status |= {"message": f"a fault of the test ({code})", "details": {"retryAfterSeconds": RETRY_SECONDS}}
        content = json.dumps(status).encode()
        self.send_response(code)
        if code == 429:
            self.send_header("Retry-After", str(RETRY_SECONDS))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _relay(self, body: bytes, *, answer: bool) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        try:
            found = self.pool.request(
                self.command, self.target + self.path, body=body, headers=headers, preload_content=False, redirect=False
            )
        except urllib3.exceptions.HTTPError:
            self.close_connection = True  # as the API server's own clients see it
            return
        try:
            if answer:
                self._answer(found)
            else:
                found.read()
                self.close_connection = True
        except (urllib3.exceptions.HTTPError, OSError):
            # The rest of the answer is still to come, as of a watch that its client has left: of no use to another.
            found.close()
            self.close_connection = True
        found.release_conn()

    def _answer(self, found: urllib3.BaseHTTPResponse) -> None:
        self.send_response(found.status)
        for name, value in found.headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        whole = "Content-Length" in found.headers or found.status in EMPTY or self.command == "HEAD"
        if not whole:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in found.stream(65536, decode_content=False):
            self.wfile.write(chunk if whole else b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.flush()
        if not whole:
            self.wfile.write(b"0\r\n\r\n")
