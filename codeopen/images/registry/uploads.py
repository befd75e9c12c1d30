"""Uploads of blobs: each is one request with the whole content, which is begun again when it did not arrive.

A session that broke off is never continued: what a registry keeps of it differs between registries. Before it is begun
again the blob is looked for, because the answer alone may have been lost.
"""

from __future__ import annotations

import http
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit

from codeopen.errors import RegistryError
from codeopen.images.registry.repositories import RepositoryCreator
from codeopen.images.registry.transport import Answer, PassingError, Request, Transport, errors_of

_UNKNOWN_NAME: Final = "NAME_UNKNOWN"
# The session is gone, or does not stand where it should: a new one may do better.
_SESSION_LOST: Final = (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)


@dataclass(frozen=True, slots=True)
class Content:
    """A blob's content, which can be read as often as it has to be sent; ``open`` is called for each time."""

    digest: str
    open: Callable[[], tuple[int, bytes | Iterable[bytes]]]


class Uploads:
    """What is written to a registry; its repositories are made where it wants that."""

    def __init__(self, transport: Transport, creator: RepositoryCreator) -> None:
        self._transport = transport
        self._creator = creator

    def push(self, request: Request, send: Callable[[Request], Answer]) -> Answer:
        """A request that writes; when the registry does not know the repository, that is made first."""
        answer = send(request)
        if answer.status == http.HTTPStatus.NOT_FOUND and _UNKNOWN_NAME in {code for code, _ in errors_of(answer)}:
            self._creator.create(request.repository)
            answer = send(request)
        return answer

    def has(self, repository: str, digest: str, send: Callable[[Request], Answer]) -> bool:
        """Whether a repository has a blob."""
        step = f"looking up blob {digest}"
        answer = send(Request("HEAD", repository, f"blobs/{digest}", step, actions="pull"))
        if answer.status == http.HTTPStatus.NOT_FOUND:
            return False
        self._transport.expect(answer, (http.HTTPStatus.OK,), repository, step)
        return True

    def upload(self, repository: str, content: Content, begun: Answer | None = None) -> None:
        """Store a blob; ``begun`` is an answer that has begun the upload already."""
        sessions = [begun] if begun else []
        sent = False

        def attempt() -> None:
            nonlocal sent
            if sent and self.has(repository, content.digest, self._transport.attempt):
                return
            session = sessions.pop() if sessions else self._begin(repository, content.digest)
            sent = True
            self._send(repository, content, session)

        self._transport.persist(attempt)

    def _begin(self, repository: str, digest: str) -> Answer:
        step = f"beginning the upload of {digest}"
        answer = self.push(Request("POST", repository, "blobs/uploads/", step), self._transport.attempt)
        self._transport.expect(answer, (http.HTTPStatus.ACCEPTED,), repository, step)
        return answer

    def _send(self, repository: str, content: Content, session: Answer) -> None:
        step = f"uploading {content.digest}"
        location = session.headers.get("Location", "")
        if not location:
            raise RegistryError(f"{self._transport.host}/{repository}: {step}: it does not say where to")
        location = urljoin(f"{self._transport.root}/", location)
        address = f"{location}{'&' if urlsplit(location).query else '?'}{urlencode({'digest': content.digest})}"
        size, body = content.open()
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        # Bytes are given as a stream too: the content of an upload is sent once.
        blocks = iter((body,)) if isinstance(body, bytes) else body
        answer = self._transport.attempt(Request("PUT", repository, address, step, headers, blocks))
        if answer.status in _SESSION_LOST:
            raise PassingError(f"{self._transport.host}/{repository}: {step}: the registry lost the upload")
        self._transport.expect(answer, (http.HTTPStatus.CREATED,), repository, step)
