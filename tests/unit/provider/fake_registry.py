"""A stand-in for a registry; tests/engine/plugins takes the same types to a real one."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from provider.manifest import digest_of

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


class FakeRegistry(ThreadingHTTPServer):
    """A registry in memory that refuses what a real one refuses: wrong digests, manifests with missing parts.

    It holds one repository, whatever name that is asked for by.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.uploads = 0
        self.starting = 0
        self.written: list[str] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def tags(self) -> dict[str, str]:
        """The digest that each tag stands for."""
        return {name: digest_of(content) for name, (_, content) in self.manifests.items() if ":" not in name}

    def add_image(self, name: str, labels: dict[str, str] | None, media_type: str = MANIFEST_TYPE) -> str:
        """An image by name and labels, without layers; gives its digest."""
        config = json.dumps({"created_by": name, "config": {"Labels": labels}}).encode()
        self.blobs[digest_of(config)] = config
        document = {"mediaType": media_type, "config": {"digest": digest_of(config)}, "layers": []}
        return self.add_manifest(document, media_type)

    def add_manifest(self, document: dict[str, Any], media_type: str) -> str:
        content = json.dumps(document, indent=3).encode()
        self.manifests[digest_of(content)] = (media_type, content)
        return digest_of(content)

    def tag(self, tag: str, digest: str) -> None:
        self.manifests[tag] = self.manifests[digest]


class Handler(BaseHTTPRequestHandler):
    server: FakeRegistry

    def do_GET(self) -> None:
        self.look_up()

    def do_HEAD(self) -> None:
        self.server.starting -= 1
        if self.server.starting >= 0:
            self.answer(503)
        else:
            self.look_up()

    def look_up(self) -> None:
        *_, kind, reference = self.path.split("/")
        media_type, content = self.server.manifests.get(reference, ("none", b""))
        if kind == "blobs" and reference in self.server.blobs:
            self.answer(200, content=self.server.blobs[reference])
        elif kind == "manifests" and media_type in self.headers["Accept"].split(","):
            headers = {"Docker-Content-Digest": digest_of(content), "Content-Type": media_type}
            self.answer(200, headers, content)
        else:
            self.answer(404)

    def do_POST(self) -> None:
        self.server.uploads += 1
        self.answer(202, {"Location": f"http://{self.server.host}/upload/1?state=x"})

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/upload/"):
            digest = self.path.partition("digest=")[2].replace("%3A", ":")
            self.server.blobs[digest] = body
            self.answer(201 if digest_of(body) == digest else 400)
            return
        document = json.loads(body)
        parts = [part["digest"] for part in document.get("layers", [])]
        missing = [part for part in parts if part not in self.server.blobs]
        missing += [part["digest"] for part in document.get("manifests", [])
                    if part["digest"] not in self.server.manifests]  # fmt: skip
        reference = self.path.rsplit("/", 1)[-1]
        if not missing:
            self.server.written.append(reference)
            for name in (reference, digest_of(body)):
                self.server.manifests[name] = (self.headers["Content-Type"], body)
        self.answer(400 if missing else 201)

    def answer(self, status: int, headers: dict[str, str] | None = None, content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the server's naming
        """Say nothing."""
