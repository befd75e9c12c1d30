"""Stand-ins on the loopback address for the registries that pins come from; the real clients ask them."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Pages:
    """What the server answers, by path; anything else is not found."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.content: dict[str, bytes] = {}

    def serve_npm(self, name: str, versions: dict[str, dict[str, Any]]) -> None:
        """A package's document as npm asks for it; ``versions`` gives each version's own fields."""
        digest = base64.b64encode(hashlib.sha512(name.encode()).digest()).decode()
        listed = {
            version: {
                "name": name,
                "version": version,
                "dist": {"integrity": f"sha512-{digest}", "tarball": f"{self.address}/{name}-{version}.tgz"},
                **fields,
            }
            for version, fields in versions.items()
        }
        document = {"name": name, "dist-tags": {"latest": list(versions)[-1]}, "versions": listed}
        self.content[f"/{name}"] = json.dumps(document).encode()

    def serve_pypi(self, name: str, versions: list[str]) -> None:
        """A project's page with a wheel of each version, which needs nothing."""
        links = ""
        for version in versions:
            wheel, file = io.BytesIO(), f"{name}-{version}-py3-none-any.whl"
            with zipfile.ZipFile(wheel, "w") as archive:
                metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
                archive.writestr(f"{name}-{version}.dist-info/METADATA", metadata)
                archive.writestr(f"{name}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
                archive.writestr(f"{name}-{version}.dist-info/RECORD", "")
            self.content[f"/{file}"] = wheel.getvalue()
            links += f'<a href="/{file}#sha256={hashlib.sha256(wheel.getvalue()).hexdigest()}">{file}</a>\n'
        self.content[f"/simple/{name}/"] = f"<!DOCTYPE html><html><body>{links}</body></html>".encode()

    def serve_image(self, repository: str, tags: dict[str, bytes]) -> None:
        """A repository of an OCI registry: its tags, and a manifest for each."""
        self.content[f"/v2/{repository}/tags/list"] = json.dumps({"name": repository, "tags": list(tags)}).encode()
        for tag, manifest in tags.items():
            self.content[f"/v2/{repository}/manifests/{tag}"] = manifest


@contextmanager
def serving() -> Iterator[Pages]:
    """A server for the time of a test."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = pages.content.get(self.path.partition("?")[0].replace("%2f", "/"))
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Type", "application/json" if self.path[1:7] != "simple" else "text/html")
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content or b"")

        do_HEAD = do_GET  # noqa: N815  # the name that the base class looks up

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pages = Pages(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield pages
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write_go_proxy(folder: Path, module: str, versions: dict[str, str], packages: list[str]) -> None:
    """A Go proxy's files: each version of a module with the Go that it asks for, and these empty packages."""
    target = folder / module / "@v"
    target.mkdir(parents=True)
    (target / "list").write_text("".join(f"{version}\n" for version in versions))
    for version, go in versions.items():
        mod = f"module {module}\n\ngo {go}\n"
        (target / f"{version}.info").write_text(json.dumps({"Version": version}))
        (target / f"{version}.mod").write_text(mod)
        with zipfile.ZipFile(target / f"{version}.zip", "w") as archive:
            archive.writestr(f"{module}@{version}/go.mod", mod)
            for package in packages:
                name = package.rpartition("/")[2] or "root"
                archive.writestr(f"{module}@{version}/{package}{'/' * bool(package)}{name}.go", f"package {name}\n")


def write_cargo_registry(folder: Path, home: Path, name: str, versions: list[str]) -> None:
    """A local registry of Cargo with a crate that needs nothing, and the configuration that names it."""
    index = folder / "index" / name[:2] / name[2:4]
    index.mkdir(parents=True)
    lines = [
        {"name": name, "vers": version, "deps": [], "cksum": hashlib.sha256(version.encode()).hexdigest()}
        | {"features": {}, "yanked": False}
        for version in versions
    ]
    (index / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    for version in versions:
        (folder / f"{name}-{version}.crate").write_bytes(b"")
    home.mkdir()
    (home / "config.toml").write_text(
        f'[source.crates-io]\nreplace-with = "stand-in"\n[source.stand-in]\nlocal-registry = "{folder}"\n'
    )
