"""``codeopen service run`` and ``openapi``, which prints an OpenAPI 3.1 document."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.service_database import data_folder, database_url
from codeopen.errors import UsageError
from codeopen.service.api.app import create_app
from codeopen.service.serving import configure_log, open_service, serve
from codeopen.service.settings import ServiceSettings

KEY_FILE: Final = "CODEOPEN_KEY_FILE"


def run(invocation: Invocation) -> Outcome:
    """Serve until a signal. Raises CodeOpenError where the service can't start."""
    options = invocation.options
    if not 1 <= options.port <= 65535:  # noqa: PLR2004 - TCP
        raise UsageError(f"--port {options.port}: this is no TCP port; take one from 1 to 65535")
    settings = ServiceSettings(
        key_file=Path(options.key_file or os.environ.get(KEY_FILE) or data_folder(options) / "service.key"),
        host=options.host,
        port=options.port,
        anonymous=options.anonymous,
        rate=options.rate,
        require_if_match=options.require_if_match,
    )
    configure_log()
    checkout = checkout_of(invocation.catalog).resolve()
    service = open_service(database_url(options), options.stack, checkout, settings)
    sys.stderr.write(f"The API is at http://{options.host}:{options.port}; `codeopen token create` makes a token\n")
    serve(service)
    return Outcome()


def openapi(invocation: Invocation) -> Outcome:
    """The document. It needs no database that is there: an empty one is made and thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        settings = ServiceSettings(Path(folder) / "service.key")
        url = f"sqlite:///{folder}/service.db"
        service = open_service(url, invocation.options.stack, checkout_of(invocation.catalog).resolve(), settings)
        document = create_app(service).openapi()
        service.database.close()
    return Outcome(render_json(document))
