"""A service that tells its password, lets everybody in, and doesn't end when it is asked to."""

import os
import signal
import socket
from http.server import HTTPServer, SimpleHTTPRequestHandler

signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("the password is", os.environ.get("OPEN_PASSWORD"), flush=True)  # noqa: T201
# Not in the catalog, and only for those that come by IPv6.
hidden = socket.create_server(("::", 4996), family=socket.AF_INET6)
HTTPServer(("0.0.0.0", 4997), SimpleHTTPRequestHandler).serve_forever()  # noqa: S104
