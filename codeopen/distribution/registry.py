"""A registry's repositories over the distribution API: what composing, publishing and looking up images take.

Requests are retried within a limit where that is safe; every error names registry, repository and step. Credentials
come from Docker's configuration and credential helpers. Source: OCI Distribution Specification 1.1.
"""

from __future__ import annotations

import hashlib
import http
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import IO, Any, Final, cast
from urllib.parse import quote, urlencode, urljoin, urlsplit

import urllib3

from codeopen.distribution.login import Login, challenge_of
from codeopen.errors import RegistryError

MANIFEST_TYPES: Final = (
    "application/vnd.oci.image.index.v1+json,"
    "application/vnd.oci.image.manifest.v1+json,"
    "application/vnd.docker.distribution.manifest.list.v2+json,"
    "application/vnd.docker.distribution.manifest.v2+json"
)
_TIMEOUT: Final = urllib3.Timeout(connect=5, read=60)
# 404 is an answer; these mean that the registry may answer otherwise in a moment.
_PASSING: Final = frozenset({429, 500, 502, 503, 504})
_RETRIES: Final = urllib3.Retry(
    total=5,
    backoff_factor=0.1,
    backoff_max=5,
    status_forcelist=_PASSING,
    allowed_methods=None,
    raise_on_status=False,
    redirect=5,
    respect_retry_after_header=True,
    retry_after_max=30,
)
_CONNECTIONS: Final = 16


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as the registry has it."""

    digest: str
    media_type: str
    content: bytes

    def parsed(self) -> dict[str, Any]:
        """Its JSON. Raises RegistryError for something else."""
        try:
            return cast("dict[str, Any]", json.loads(self.content))
        except ValueError as error:
            raise RegistryError(f"manifest {self.digest} is no JSON ({error})") from error


@dataclass(frozen=True, slots=True)
class _Request:
    """``address`` is a path below the repository's, or a whole address; ``scopes`` are repositories to read besides."""

    method: str
    repository: str
    address: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    scopes: tuple[str, ...] = ()
    stream: bool = False


class Registry:
    """One registry, as ``localhost:5000`` or ``ghcr.io``; may be used by several threads.

    Plain HTTP is spoken on loopback addresses only, as Docker does.
    """

    def __init__(self, host: str, login: Login | None = None) -> None:
        self.host = host
        name = urlsplit(f"//{host}").hostname or ""
        scheme = "http" if name in {"localhost", "127.0.0.1", "::1"} else "https"
        self._root = f"{scheme}://{host}"
        self._login = login or Login(host)
        self._pool = urllib3.PoolManager(maxsize=_CONNECTIONS, timeout=_TIMEOUT, retries=_RETRIES)
        self._lock = threading.Lock()
        self._authorization: dict[frozenset[str], str] = {}

    def find_manifest(self, repository: str, reference: str) -> str | None:
        """The digest of a manifest by tag or digest; ``None`` where the repository has none of that name."""
        answer = self._send(_Request("HEAD", repository, f"manifests/{reference}", {"Accept": MANIFEST_TYPES}))
        if answer.status == http.HTTPStatus.NOT_FOUND:
            return None
        self._expect(answer, (http.HTTPStatus.OK,), repository, f"looking up {reference}")
        digest = answer.headers.get("Docker-Content-Digest")
        return digest or self.read_manifest(repository, reference).digest

    def read_manifest(self, repository: str, reference: str) -> Manifest:
        """A manifest by tag or digest. Raises RegistryError where there is none."""
        answer = self._send(_Request("GET", repository, f"manifests/{reference}", {"Accept": MANIFEST_TYPES}))
        self._expect(answer, (http.HTTPStatus.OK,), repository, f"reading manifest {reference}")
        digest = answer.headers.get("Docker-Content-Digest") or digest_of(answer.data)
        return Manifest(digest, answer.headers.get("Content-Type", ""), answer.data)

    def write_manifest(self, repository: str, reference: str, media_type: str, content: bytes) -> None:
        """Store a manifest under a tag or its digest; everything that it names has to be there."""
        answer = self._send(
            _Request("PUT", repository, f"manifests/{reference}", {"Content-Type": media_type}, content)
        )
        self._expect(answer, (http.HTTPStatus.CREATED,), repository, f"writing manifest {reference}")

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether a repository has a blob."""
        answer = self._send(_Request("HEAD", repository, f"blobs/{digest}"))
        if answer.status == http.HTTPStatus.NOT_FOUND:
            return False
        self._expect(answer, (http.HTTPStatus.OK,), repository, f"looking up blob {digest}")
        return True

    @contextmanager
    def open_blob(self, repository: str, digest: str) -> Iterator[IO[bytes]]:
        """A blob's bytes as a stream."""
        answer = self._send(_Request("GET", repository, f"blobs/{digest}", stream=True))
        try:
            self._expect(answer, (http.HTTPStatus.OK,), repository, f"reading blob {digest}")
            yield cast("IO[bytes]", answer)
        finally:
            answer.release_conn()

    def read_blob(self, repository: str, digest: str) -> bytes:
        """A small blob. Raises RegistryError where the content is not what the digest says."""
        with self.open_blob(repository, digest) as stream:
            content = stream.read()
        if digest_of(content) != digest:
            raise RegistryError(f"{self.host}/{repository}: blob {digest} has other content; the registry is damaged")
        return content

    def mount_blob(self, repository: str, digest: str, source: str) -> None:
        """Let a repository have a blob of another one, without moving its bytes where the registry can do that."""
        query = urlencode({"mount": digest, "from": source})
        answer = self._send(_Request("POST", repository, f"blobs/uploads/?{query}", scopes=(source,)))
        if answer.status == http.HTTPStatus.CREATED:
            return
        self._expect(answer, (http.HTTPStatus.ACCEPTED,), repository, f"mounting {digest} of {source}")
        # 202: it doesn't mount, but has begun an upload.
        with self.open_blob(source, digest) as stream:
            self._finish_upload(answer, repository, digest, stream.read())

    def upload_blob(self, repository: str, digest: str, content: bytes) -> None:
        """Store a small blob."""
        answer = self._send(_Request("POST", repository, "blobs/uploads/"))
        self._expect(answer, (http.HTTPStatus.ACCEPTED,), repository, f"beginning the upload of {digest}")
        self._finish_upload(answer, repository, digest, content)

    def _finish_upload(self, begun: urllib3.BaseHTTPResponse, repository: str, digest: str, content: bytes) -> None:
        location = urljoin(f"{self._root}/", begun.headers.get("Location", ""))
        address = f"{location}{'&' if urlsplit(location).query else '?'}{urlencode({'digest': digest})}"
        headers = {"Content-Type": "application/octet-stream"}
        answer = self._perform(_Request("PUT", repository, address, headers, content))
        self._expect(answer, (http.HTTPStatus.CREATED,), repository, f"uploading {digest}")

    def _send(self, request: _Request) -> urllib3.BaseHTTPResponse:
        """Perform a request whose address is a path below the repository's."""
        address = f"{self._root}/v2/{quote(request.repository)}/{request.address}"
        return self._perform(replace(request, address=address))

    def _perform(self, request: _Request) -> urllib3.BaseHTTPResponse:
        """Perform a request with authorization as far as it is known, and once more when the registry asks for it."""
        key = frozenset((request.repository, *request.scopes))
        known = self._authorization.get(key)
        answer = self._try(request, known)
        if answer.status != http.HTTPStatus.UNAUTHORIZED:
            return answer
        answer.drain_conn()
        self._authorize(key, request.repository, answer.headers.get("WWW-Authenticate", ""), known)
        return self._try(request, self._authorization[key])

    def _try(self, request: _Request, authorization: str | None) -> urllib3.BaseHTTPResponse:
        headers = {**request.headers, **({"Authorization": authorization} if authorization else {})}
        try:
            return self._pool.request(
                request.method,
                request.address,
                headers=headers,
                body=request.content,
                preload_content=not request.stream,
            )
        except urllib3.exceptions.HTTPError as error:
            what = f"{request.method} {urlsplit(request.address).path}"
            raise RegistryError(f"{self.host}/{request.repository}: {what}: no answer ({error})") from error

    def _authorize(self, key: frozenset[str], repository: str, challenge: str, used: str | None) -> None:
        """Get what the registry asks for, once for all threads that were refused with the same."""
        with self._lock:
            if self._authorization.get(key) == used:
                others = sorted(key - {repository})
                scopes = [f"repository:{repository}:pull,push", *(f"repository:{other}:pull" for other in others)]
                self._authorization[key] = self._login.authorize(self._pool, challenge_of(challenge), scopes)

    def _expect(self, answer: urllib3.BaseHTTPResponse, statuses: tuple[int, ...], repository: str, step: str) -> None:
        if answer.status not in statuses:
            detail = _error_text(answer)
            raise RegistryError(f"{self.host}/{repository}: {step}: it answers {answer.status} {detail}")


def digest_of(content: bytes) -> str:
    """The ``sha256:`` digest of bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _error_text(answer: urllib3.BaseHTTPResponse) -> str:
    """What the registry says of an error, in one line. Source: OCI Distribution Specification 1.1, "Error Codes"."""
    try:
        errors = json.loads(answer.data)["errors"]
        return "; ".join(f"{error.get('code', '')} {error.get('message', '')}".strip() for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        return answer.reason or ""
