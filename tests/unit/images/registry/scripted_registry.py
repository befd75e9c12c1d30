"""A stand-in for a registry and its token service: a small one in memory, on loopback, that fails as a test tells it.

It serves what ``codeopen.images.registry`` asks for, notes every request, and plays a script's faults in their order.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

USERNAME, PASSWORD = "somebody", "s3cret-pass-word"


@dataclass
class Fault:
    """What goes wrong with the next ``times`` requests that match ``what``, a pattern for ``METHOD /path?query``.

    ``status`` is answered in the answer's place; ``drop`` closes the connection: ``before`` anything is done, ``lost``
    after it was done, ``cut`` in the middle of the answer, or ``middle`` of the request's body; ``seconds`` are waited.
    """

    what: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    drop: str = ""
    seconds: float = 0
    times: int = 1


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    line: str
    headers: Mapping[str, str]


class ScriptedRegistry(ThreadingHTTPServer):
    """``authentication``: none, basic or bearer; a token is good for ``token_uses`` requests."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, script: list[Fault] | None = None, authentication: str = "none") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.host = f"127.0.0.1:{self.server_port}"
        self.script = script or []
        self.authentication = authentication
        self.token_uses = 1_000
        self.refresh_token = ""
        self.mounts = True
        self.absolute = False
        self.upload_host = ""
        self.needs_repositories = False
        self.repositories: set[str] = set()
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.uploads: set[str] = set()
        self.tokens: dict[str, list[Any]] = {}
        self.seen: list[Seen] = []
        self.asked_scopes: list[list[str]] = []
        self.lock = threading.Lock()

    def handle_error(self, *_: object) -> None:
        """A client that goes away is part of the play."""

    def put_blob(self, repository: str, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[repository, digest] = content
        return digest

    def count(self, pattern: str) -> int:
        return sum(bool(re.search(pattern, seen.line)) for seen in self.seen)

    def next_fault(self, line: str) -> Fault | None:
        with self.lock:
            for fault in self.script:
                if fault.times and re.search(fault.what, line):
                    fault.times -= 1
                    return fault
        return None


@contextmanager
def running(registry: ScriptedRegistry) -> Iterator[ScriptedRegistry]:
    thread = threading.Thread(target=registry.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        registry.shutdown()
        registry.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ScriptedRegistry

    def log_message(self, *_: object) -> None:
        """Requests are noted, not told."""

    def _handle(self) -> None:
        registry = self.server
        line = f"{self.command} {self.path}"
        registry.seen.append(Seen(line, dict(self.headers.items())))
        fault = registry.next_fault(line)
        if fault and fault.drop == "middle":
            self.rfile.read(int(self.headers.get("Content-Length", 0)) // 2)
        elif not (fault and fault.drop == "before"):
            self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if fault:
            time.sleep(fault.seconds)
            if fault.drop in {"before", "middle"}:
                self._hang_up()
                return
            if fault.status:
                self._answer(fault.status, fault.headers, fault.body)
                return
        self.fault = fault
        address = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(address.query).items()}
        if address.path == "/token":
            self._token(parse_qsl(address.query if self.command == "GET" else self.body.decode()))
        elif self._may(address.path):
            self._serve(address.path)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _answer(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        fault = getattr(self, "fault", None)
        if fault and fault.drop == "lost":
            self._hang_up()
            return
        self.send_response(status)
        headers = {"Content-Length": str(len(body)), **(headers or {})}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if fault and fault.drop == "cut" else body)
        if fault and fault.drop == "cut":
            self.wfile.flush()
            self._hang_up()

    def _refuse(self, status: int, code: str) -> None:
        errors = {"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}
        self._answer(status, {"Content-Type": "application/json"}, json.dumps(errors).encode())

    def _has_password(self) -> bool:
        expected = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {expected}"

    def _token(self, fields: list[tuple[str, str]]) -> None:
        """The token service: it checks who asks, and gives a token for exactly the scopes that were asked for."""
        registry, values = self.server, dict(fields)
        if registry.refresh_token:
            allowed = self.command == "POST" and values.get("refresh_token") == registry.refresh_token
        else:
            allowed = self._has_password()
        scopes = [part for name, value in fields if name == "scope" for part in value.split()]
        registry.asked_scopes.append(scopes)
        if not allowed or values.get("service") != "stand-in":
            self._refuse(401, "UNAUTHORIZED")
            return
        token = secrets.token_hex(16)
        registry.tokens[token] = [set(scopes), registry.token_uses]
        key = "access_token" if registry.refresh_token else "token"
        self._answer(200, {"Content-Type": "application/json"}, json.dumps({key: token}).encode())

    def _may(self, path: str) -> bool:
        registry = self.server
        if registry.authentication == "basic":
            if self._has_password():
                return True
            self._challenge('Basic realm="stand-in"')
            return False
        if registry.authentication == "bearer":
            known = registry.tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
            needed = self._needed(path)
            if known and known[1] > 0 and all(_covers(known[0], scope) for scope in needed):
                known[1] -= 1
                return True
            realm = f'realm="http://{registry.host}/token",service="stand-in",scope="{" ".join(needed)}"'
            self._challenge(f"Bearer {realm}")
            return False
        return True

    def _challenge(self, header: str) -> None:
        errors = json.dumps({"errors": [{"code": "UNAUTHORIZED", "message": self.headers.get("Authorization", "")}]})
        self._answer(401, {"WWW-Authenticate": header, "Content-Type": "application/json"}, errors.encode())

    def _needed(self, path: str) -> list[str]:
        if path == "/v2/_catalog":
            return ["registry:catalog:*"]
        repository = re.split(r"/(?:manifests|blobs|tags)/", path.removeprefix("/v2/"))[0]
        actions = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}.get(self.command, "pull,push")
        source = [f"repository:{self.query['from']}:pull"] if "from" in self.query else []
        return [f"repository:{repository}:{actions}", *source]

    def _serve(self, path: str) -> None:
        match = re.fullmatch(r"/v2/(.+)/(manifests|blobs/uploads|blobs|tags)/(.*)", path)
        if path == "/v2/_catalog":
            names = sorted({name for name, _ in self.server.manifests})
            self._page("repositories", names)
            return
        assert match is not None, path
        repository, kind, name = match.groups()
        missing = self.server.needs_repositories and repository not in self.server.repositories
        if missing and self.command in {"POST", "PUT"}:
            self._refuse(404, "NAME_UNKNOWN")
            return
        serve: Callable[[str, str], None] = {
            "manifests": self._manifest,
            "blobs": self._blob,
            "blobs/uploads": self._upload,
            "tags": self._tags,
        }[kind]
        serve(repository, name)

    def _page(self, key: str, names: list[str]) -> None:
        """Pages of two, to have several."""
        rest = [name for name in names if name > self.query.get("last", "")]
        headers = {"Content-Type": "application/json"}
        if len(rest) > 2:
            headers["Link"] = f'<{urlsplit(self.path).path}?last={rest[1]}&n=2>; rel="next"'
        self._answer(200, headers, json.dumps({key: rest[:2] or None}).encode())

    def _tags(self, repository: str, _: str) -> None:
        names = sorted(name for owner, name in self.server.manifests if owner == repository and ":" not in name)
        self._page("tags", names)

    def _blob(self, repository: str, digest: str) -> None:
        content = self.server.blobs.get((repository, digest))
        if content is None:
            self._refuse(404, "BLOB_UNKNOWN")
            return
        start = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
        if start and not self.server.absolute:
            offset = int(start[1])
            place = f"bytes {offset}-{len(content) - 1}/{len(content)}"
            self._answer(206, {"Content-Range": place}, content[offset:])
        else:
            self._answer(200, body=content)

    def _upload(self, repository: str, session: str) -> None:
        registry = self.server
        if self.command == "POST":
            self._begin(repository)
            return
        digest = self.query.get("digest", "")
        if session not in registry.uploads:
            self._refuse(404, "BLOB_UPLOAD_UNKNOWN")
        elif digest != f"sha256:{hashlib.sha256(self.body).hexdigest()}":
            self._refuse(400, "DIGEST_INVALID")
        else:
            registry.uploads.discard(session)
            registry.blobs[repository, digest] = self.body
            self._answer(201, {"Location": f"/v2/{repository}/blobs/{digest}"})

    def _begin(self, repository: str) -> None:
        registry = self.server
        source = (self.query.get("from", ""), self.query.get("mount", ""))
        if registry.mounts and source in registry.blobs:
            registry.blobs[repository, source[1]] = registry.blobs[source]
            self._answer(201, {"Location": f"/v2/{repository}/blobs/{source[1]}"})
            return
        session = secrets.token_hex(8)
        registry.uploads.add(session)
        place = f"/v2/{repository}/blobs/uploads/{session}?_state=x"
        if registry.upload_host or registry.absolute:
            place = f"http://{registry.upload_host or registry.host}{place}"
        self._answer(202, {"Location": place})

    def _manifest(self, repository: str, name: str) -> None:
        registry = self.server
        if self.command == "PUT":
            digest = f"sha256:{hashlib.sha256(self.body).hexdigest()}"
            stored = (self.headers["Content-Type"], self.body)
            registry.manifests[repository, name] = registry.manifests[repository, digest] = stored
            self._answer(201, {"Docker-Content-Digest": digest})
        elif (repository, name) not in registry.manifests:
            self._refuse(404, "MANIFEST_UNKNOWN")
        elif self.command == "DELETE":
            del registry.manifests[repository, name]
            self._answer(202)
        else:
            media_type, content = registry.manifests[repository, name]
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            self._answer(200, {"Content-Type": media_type, "Docker-Content-Digest": digest}, content)


def _covers(granted: set[str], needed: str) -> bool:
    kind, name, actions = needed.rsplit(":", 2)
    return any(
        scope.rsplit(":", 2)[:2] == [kind, name] and set(actions.split(",")) <= set(scope.rsplit(":", 2)[2].split(","))
        for scope in granted
    )
