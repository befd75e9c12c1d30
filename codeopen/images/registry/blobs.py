"""A registry's blobs as streams: proved by their digests, and taken up again where a connection breaks off."""

from __future__ import annotations

import contextlib
import hashlib
import http
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import urllib3

from codeopen.errors import RegistryError
from codeopen.images.registry.transport import PassingError, Request, Transport, reason_of

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK: Final = 1 << 20
_ALGORITHMS: Final = ("sha256", "sha512")
_FOUND: Final = (http.HTTPStatus.OK, http.HTTPStatus.PARTIAL_CONTENT)


class BlobStream(io.RawIOBase):
    """A blob while it is read, in bounded memory. Reading to its end raises RegistryError for another content.

    One that is read from ``start`` (a number of bytes) on can't be proved.
    """

    def __init__(self, transport: Transport, repository: str, digest: str, start: int = 0) -> None:
        super().__init__()
        self._transport = transport
        self._repository = repository
        self._digest = digest
        self._offset = start
        algorithm = digest.partition(":")[0]
        self._hash = hashlib.new(algorithm) if algorithm in _ALGORITHMS and not start else None
        self._broken = 0
        self._answer = transport.persist(self._open)
        length = self._answer.headers.get("Content-Length", "")
        self.size: int | None = int(length) if length.isdigit() else None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and (block := self._read(len(view) - filled)):
            view[filled : filled + len(block)] = block
            filled += len(block)
        return filled

    def close(self) -> None:
        if not self.closed:
            # What was not read to its end can't be used for another request.
            self._answer.close()
        super().close()

    def _read(self, size: int) -> bytes:
        """The next bytes, from another connection where this one breaks off; none at the proved end."""
        while True:
            try:
                block = self._answer.read(size)
            except urllib3.exceptions.HTTPError as error:
                self._resume(error)
                continue
            self._offset += len(block)
            if self._hash is not None:
                self._hash.update(block)
                if not block and self._hash.hexdigest() != self._digest.partition(":")[2]:
                    raise RegistryError(f"{self._where()}: it has other content; the registry is damaged")
            return block

    def _resume(self, error: Exception) -> None:
        self._answer.close()
        self._broken += 1
        if self._broken >= self._transport.patience.attempts:
            raise RegistryError(
                f"{self._where()}: {reason_of(error)} after {self._offset} bytes; "
                f"given up after {self._broken} attempts"
            ) from None
        self._answer = self._transport.persist(self._open)

    def _open(self) -> urllib3.BaseHTTPResponse:
        """Ask for the bytes from the offset on; a registry that sends all of them again has them read over."""
        headers = {"Range": f"bytes={self._offset}-"} if self._offset else {}
        step = f"reading blob {self._digest}"
        answer = self._transport.attempt(
            Request("GET", self._repository, f"blobs/{self._digest}", step, headers, actions="pull", stream=True)
        )
        try:
            self._transport.expect(answer, _FOUND, self._repository, step)
            self._stand_at_offset(answer)
        except BaseException:
            answer.close()
            raise
        return answer

    def _stand_at_offset(self, answer: urllib3.BaseHTTPResponse) -> None:
        if answer.status == http.HTTPStatus.OK:
            self._skip(answer)
            return
        start = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
        if start is None or int(start[1]) != self._offset:
            raise RegistryError(f"{self._where()}: it sends another range than it was asked for")

    def _skip(self, answer: urllib3.BaseHTTPResponse) -> None:
        left = self._offset
        try:
            while left and (block := answer.read(min(left, BLOCK))):
                left -= len(block)
        except urllib3.exceptions.HTTPError as error:
            raise PassingError(f"{self._where()}: {reason_of(error)}") from None

    def _where(self) -> str:
        return f"{self._transport.host}/{self._repository}: reading blob {self._digest}"


def proved_blocks(blob: BlobStream) -> Iterator[bytes]:
    """A blob in blocks, the last of them once the whole is proved, so that nobody takes a damaged one for whole."""
    held = b""
    with contextlib.closing(blob):
        while block := blob.read(BLOCK):
            if held:
                yield held
            held = block
        yield held
