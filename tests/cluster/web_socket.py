"""The little of the WebSocket protocol that a test needs to say one thing and hear the answer (RFC 6455)."""

from __future__ import annotations

import http.client
import json
import secrets
import struct
from collections.abc import Mapping
from typing import IO, Any, Final

UPGRADE: Final = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
_TEXT: Final = 0x81
_SECONDS: Final = 60


def converse(port: int, path: str, headers: Mapping[str, str], message: Mapping[str, Any]) -> Any:
    """Open a WebSocket on a port of this host, send one message, and return the first one that comes, both JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("GET", path, headers={**UPGRADE, **headers})
        assert connection.sock is not None
        # Not getresponse: it may read ahead, and what follows the headers is no HTTP.
        stream = connection.sock.makefile("rb")
        status = stream.readline().split()[1]
        assert status == b"101", f"no upgrade but {status!r}"
        while stream.readline().strip():
            pass
        connection.sock.sendall(_frame(json.dumps(message).encode()))
        return json.loads(_next_text(stream))
    finally:
        connection.close()


def _frame(text: bytes) -> bytes:
    """A client's frames are masked."""
    mask = secrets.token_bytes(4)
    size = bytes([0x80 | len(text)]) if len(text) < 126 else bytes([0x80 | 126]) + struct.pack("!H", len(text))
    return bytes([_TEXT]) + size + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(text))


def _next_text(stream: IO[bytes]) -> bytes:
    while True:
        kind, size = stream.read(2)
        if size == 126:
            (size,) = struct.unpack("!H", stream.read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", stream.read(8))
        content = stream.read(size)
        if kind == _TEXT:
            return content
