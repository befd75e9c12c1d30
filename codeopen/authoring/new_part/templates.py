"""The texts of a new add-on or flavor. ``@name@`` stands for a value."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ENTRY: Final = r"""
  @id@:
    name: @name@
    description: @name@
    status: available
    image_suffix: @suffix@
    extra_cpu: "0"
    extra_memory: "0"
    extra_ports:@ports@
    extra_env:@env@
    requires_tier: null
    requires_addons: []
    incompatible_with: []
    gpus: 0
    monthly_price_cents: 0
    sort_order: @sort_order@
    layer_order: @layer_order@
    includes: [bc]
    platforms: [@platforms@]
    checks:
      - name: bc
        command: [bc, --version]
        output: ^bc \d+\.
@service_check@    upstreams: [package-archive]
"""
FLAVOR_ENTRY: Final = r"""
  @id@:
    name: @name@
    description: @name@
    status: available
    languages: [@name@]
    runtimes: []
    package_managers: []
    tools: [bc]
    frameworks: []
    estimated_size_mb: 700
    is_default: false
    sort_order: @sort_order@
    platforms: [@platforms@]
    checks:
      - name: bc
        command: [bc, --version]
        output: ^bc \d+\.
    upstreams: [package-archive]
"""
PORTS: Final = """
      - port: @port@
        name: @id@
        description: Sample service
        host_offset: @offset@
        credential: @variable@"""
ENV: Final = """
      @variable@_PORT: "@port@\""""
SERVICE_CHECK: Final = """      - name: @id@-web
        port: @port@
        path: /
        status: 200
        body: Hello
        credential: @variable@
"""
DOCKERFILE: Final = r"""# @title@.
# Named build context (catalog/upstreams.yaml): package-archive.
FROM base
ARG CODEOPEN_PART=@part@
ARG CODEOPEN_HEALTH=""
USER root
RUN --mount=type=bind,from=package-archive,target=/run/package-archive \
    /usr/local/lib/codeopen/install-packages.sh bc
USER developer
WORKDIR /home/developer/workspace
"""
README: Final = """# @id@

@title@, for any flavor.

- **`bc`**, a calculator: a sample, to be replaced.

Packages come from the distribution's archive.
"""
FLAVOR_README: Final = """# @id@

@title@, on the base.

- **`bc`**, a calculator: a sample, to be replaced.

Packages come from the distribution's archive.
"""
_SERVICE_DOCKERFILE: Final = r"""# @title@.
# Named build context (catalog/upstreams.yaml): package-archive.
FROM base
ARG CODEOPEN_PART=addon-@id@
ARG CODEOPEN_HEALTH=""
USER root
RUN --mount=type=bind,from=package-archive,target=/run/package-archive \
    /usr/local/lib/codeopen/install-packages.sh bc
COPY service.py /opt/codeopen/@id@/
COPY supervisor.conf /etc/supervisor/conf.d/@id@.conf
RUN printf '%s\n' "$CODEOPEN_HEALTH" >"/etc/codeopen/health.d/$CODEOPEN_PART"
ENV @variable@_PORT=@port@
EXPOSE @port@
USER developer
WORKDIR /home/developer/workspace
"""
_SERVICE_README: Final = """# @id@

@title@, for any flavor.

- **Service**: a sample that says hello over HTTP, to be replaced. `@variable@_PORT` moves it; where
  `@variable@_PASSWORD` is set, it asks for the login by basic authentication; without one nobody outside of the
  container reaches it.
- **`bc`**, a calculator: a sample, to be replaced.

Packages come from the distribution's archive.
"""
_SUPERVISOR: Final = """; The sample service; the image's supervisor starts it again whenever it ends.
[program:@id@]
command=python3 -I /opt/codeopen/@id@/service.py
autorestart=true
startsecs=10
startretries=1000000
stopwaitsecs=4
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile=/dev/fd/1
stdout_logfile_maxbytes=0
"""
_SERVICE: Final = r'''"""A sample service: greets whoever logs in; without a password only this container can ask."""

import base64
import hmac
import os
import subprocess
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USERNAME = os.environ.get("@variable@_USERNAME") or "opencode"
PASSWORD = os.environ.get("@variable@_PASSWORD", "")
GREETING = b"Hello from @id@\n"
EXPECTED = b"Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode())


class Handler(BaseHTTPRequestHandler):
    """Answers every GET request with the greeting."""

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "").encode()
        if PASSWORD and not hmac.compare_digest(given, EXPECTED):
            self.send_response(HTTPStatus.UNAUTHORIZED)
            self.send_header("WWW-Authenticate", 'Basic realm="@id@"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(len(GREETING)))
        self.end_headers()
        self.wfile.write(GREETING)

    def log_message(self, *_: object) -> None:
        """Requests are not logged."""


ADDRESS = subprocess.check_output(["/usr/local/bin/codeopen-bind-address", "@variable@"], text=True)
PORT = int(os.environ["@variable@_PORT"])
ThreadingHTTPServer((ADDRESS.strip(), PORT), Handler).serve_forever()
'''
SERVICE_FILES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Dockerfile": _SERVICE_DOCKERFILE,
        "README.md": _SERVICE_README,
        "service.py": _SERVICE,
        "supervisor.conf": _SUPERVISOR,
    }
)
