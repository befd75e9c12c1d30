"""A service that tells its password, lets everybody in, and doesn't end when it is asked to."""

import os
import signal
from http.server import HTTPServer, SimpleHTTPRequestHandler

signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("the password is", os.environ["OPEN_PASSWORD"], flush=True)  # noqa: T201
HTTPServer(("127.0.0.1", 4997), SimpleHTTPRequestHandler).serve_forever()
