"""A registry's repositories over the distribution API: what composing, publishing, looking up and pruning images take.

Requests are retried within a limit where that is safe; every error names registry, repository and step. Credentials
come from Docker's configuration and credential helpers. Source: OCI Distribution Specification 1.1.
"""

from __future__ import annotations

import hashlib
import http
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO, Any, Final, cast
from urllib.parse import urlencode, urljoin, urlsplit

from codeopen.errors import RegistryError, UnknownBlobError
from codeopen.images.registry.blobs import BlobStream, proved_blocks
from codeopen.images.registry.login import Login
from codeopen.images.registry.repositories import RepositoryCreator, creator_for
from codeopen.images.registry.transport import Answer, Patience, Request, Transport, errors_of
from codeopen.images.registry.uploads import Content, Uploads

MANIFEST_TYPES: Final = (
    "application/vnd.oci.image.index.v1+json,"
    "application/vnd.oci.image.manifest.v1+json,"
    "application/vnd.docker.distribution.manifest.list.v2+json,"
    "application/vnd.docker.distribution.manifest.v2+json"
)
_PULL: Final = "pull"
_UNKNOWN_BLOB: Final = "MANIFEST_BLOB_UNKNOWN"
_DELETED: Final = (http.HTTPStatus.OK, http.HTTPStatus.ACCEPTED, http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_FOUND)
_PAGE: Final = 1000


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


class Registry:
    """One registry, as ``localhost:5000`` or ``ghcr.io``; may be used by several threads.

    Plain HTTP is spoken on loopback addresses only, as Docker does. ``creator`` makes repositories where the registry
    wants that before a push; its host's name tells which unless one is given.
    """

    def __init__(
        self,
        host: str,
        login: Login | None = None,
        patience: Patience | None = None,
        creator: RepositoryCreator | None = None,
    ) -> None:
        self.host = host
        self._transport = Transport(host, login, patience)
        self._uploads = Uploads(self._transport, creator or creator_for(host))

    def find_manifest(self, repository: str, reference: str) -> str | None:
        """The digest of a manifest by tag or digest; ``None`` where the repository has none of that name."""
        step = f"looking up {reference}"
        answer = self._manifest("HEAD", repository, reference, step)
        if answer.status == http.HTTPStatus.NOT_FOUND:
            return None
        self._transport.expect(answer, (http.HTTPStatus.OK,), repository, step)
        digest = answer.headers.get("Docker-Content-Digest")
        return digest or self.read_manifest(repository, reference).digest

    def read_manifest(self, repository: str, reference: str) -> Manifest:
        """A manifest by tag or digest. Raises RegistryError where there is none, or another than the digest says."""
        step = f"reading manifest {reference}"
        answer = self._manifest("GET", repository, reference, step)
        return self._proved(answer, repository, reference, step)

    def get_manifest(self, repository: str, reference: str) -> Manifest | None:
        """The same, and ``None`` where the repository has none of that name."""
        step = f"reading manifest {reference}"
        answer = self._manifest("GET", repository, reference, step)
        if answer.status == http.HTTPStatus.NOT_FOUND:
            return None
        return self._proved(answer, repository, reference, step)

    def _proved(self, answer: Answer, repository: str, reference: str, step: str) -> Manifest:
        self._transport.expect(answer, (http.HTTPStatus.OK,), repository, step)
        digest = digest_of(answer.data)
        if reference.startswith("sha256:") and digest != reference:
            raise RegistryError(f"{self.host}/{repository}: {step}: it has other content; the registry is damaged")
        return Manifest(digest, answer.headers.get("Content-Type", ""), answer.data)

    def write_manifest(self, repository: str, reference: str, media_type: str, content: bytes) -> None:
        """Store a manifest under a tag or its digest. Raises UnknownBlobError for one that names what is missing."""
        step = f"writing manifest {reference}"
        request = Request("PUT", repository, f"manifests/{reference}", step, {"Content-Type": media_type}, content)
        answer = self._uploads.push(request, self._transport.perform)
        if answer.status == http.HTTPStatus.BAD_REQUEST and _UNKNOWN_BLOB in {code for code, _ in errors_of(answer)}:
            raise UnknownBlobError(f"{self.host}/{repository}: {step}: the registry lacks a blob that it names")
        self._transport.expect(answer, (http.HTTPStatus.CREATED,), repository, step)

    def delete_manifest(self, repository: str, digest: str) -> None:
        """Delete a manifest with all its tags; one that is not there is no error."""
        step = f"deleting manifest {digest}"
        answer = self._transport.perform(
            Request("DELETE", repository, f"manifests/{digest}", step, actions="pull,push,delete")
        )
        if answer.status == http.HTTPStatus.METHOD_NOT_ALLOWED:
            raise RegistryError(
                f"{self.host}/{repository}: {step}: deleting is switched off; set storage.delete.enabled in the "
                "registry's configuration"
            )
        self._transport.expect(answer, _DELETED, repository, step)

    def list_repositories(self) -> tuple[str, ...]:
        """All repositories, sorted. Raises RegistryError where the registry does not list them."""
        address, step = f"{self._transport.root}/v2/_catalog?n={_PAGE}", "listing its repositories"
        pages = self._pages(Request("GET", "", address, step, scopes=("registry:catalog:*",)))
        return tuple(sorted({name for page in pages for name in page.get("repositories") or ()}))

    def list_tags(self, repository: str) -> tuple[str, ...]:
        """A repository's tags, sorted; none where there is no such repository."""
        request = Request("GET", repository, f"tags/list?n={_PAGE}", "listing its tags", actions=_PULL)
        return tuple(sorted({tag for page in self._pages(request) for tag in page.get("tags") or ()}))

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether a repository has a blob."""
        return self._uploads.has(repository, digest, self._transport.perform)

    @contextmanager
    def open_blob(self, repository: str, digest: str, start: int = 0) -> Iterator[IO[bytes]]:
        """A blob's bytes as a stream, proved by the digest when it is read from its start to its end."""
        with BlobStream(self._transport, repository, digest, start) as stream:
            yield cast("IO[bytes]", stream)

    def read_blob(self, repository: str, digest: str) -> bytes:
        """A small blob. Raises RegistryError where the content is not what the digest says."""
        with self.open_blob(repository, digest) as stream:
            return stream.read()

    def mount_blob(self, repository: str, digest: str, source: str) -> None:
        """Let a repository have a blob of another one, without moving its bytes where the registry can do that."""
        step = f"mounting {digest} of {source}"
        query = urlencode({"mount": digest, "from": source})
        scopes = (f"repository:{source}:{_PULL}",)
        request = Request("POST", repository, f"blobs/uploads/?{query}", step, scopes=scopes)
        answer = self._uploads.push(request, self._transport.perform)
        if answer.status == http.HTTPStatus.CREATED:
            return
        self._transport.expect(answer, (http.HTTPStatus.ACCEPTED,), repository, step)
        # 202: it doesn't mount, but has begun an upload.
        self._uploads.upload(repository, Content(digest, lambda: self._copied(source, digest)), begun=answer)

    def upload_blob(self, repository: str, digest: str, content: bytes) -> None:
        """Store a small blob."""
        self._uploads.upload(repository, Content(digest, lambda: (len(content), content)))

    def upload_stream(self, repository: str, digest: str, opened: Callable[[], tuple[int, Iterable[bytes]]]) -> None:
        """Store a blob as a stream; ``opened`` gives its size and its blocks, for each time that it has to be sent."""
        self._uploads.upload(repository, Content(digest, opened))

    def copy_blob(self, repository: str, digest: str, origin: Registry, source: str) -> None:
        """Let a repository have a blob of another registry's repository, as a stream."""
        self._uploads.upload(repository, Content(digest, lambda: origin._copied(source, digest)))

    def _copied(self, source: str, digest: str) -> tuple[int, Iterable[bytes]]:
        blob = BlobStream(self._transport, source, digest)
        if blob.size is None:
            blob.close()
            raise RegistryError(f"{self.host}/{source}: reading blob {digest}: the registry does not say its size")
        return blob.size, proved_blocks(blob)

    def _manifest(self, method: str, repository: str, reference: str, step: str) -> Answer:
        headers = {"Accept": MANIFEST_TYPES}
        return self._transport.perform(
            Request(method, repository, f"manifests/{reference}", step, headers, actions=_PULL)
        )

    def _pages(self, request: Request) -> Iterator[dict[str, Any]]:
        """All pages of a list. Source: OCI Distribution Specification 1.1, "Listing Tags"."""
        address, seen = request.address, set[str]()
        while address not in seen:
            seen.add(address)
            answer = self._transport.perform(replace(request, address=address))
            if answer.status == http.HTTPStatus.NOT_FOUND and request.repository:
                return
            self._transport.expect(answer, (http.HTTPStatus.OK,), request.repository or "v2", request.step)
            try:
                yield cast("dict[str, Any]", answer.json())
            except ValueError as error:
                where = f"{self.host}/{request.repository}: {request.step}"
                raise RegistryError(f"{where}: it answers with no JSON") from error
            link, _, relation = answer.headers.get("Link", "").partition(">")
            if "next" in relation:
                place = urljoin(f"{self._transport.root}/v2/{request.repository}/tags/list", link.strip().lstrip("<"))
                address = f"{self._transport.root}{urlsplit(place).path}?{urlsplit(place).query}"


def digest_of(content: bytes) -> str:
    """The ``sha256:`` digest of bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
