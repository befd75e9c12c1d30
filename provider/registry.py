"""A client for the parts of the OCI distribution API that pushing, publishing and looking up images takes."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Final
from urllib.parse import quote, urlencode, urlsplit

from provider.manifest import Manifest, digest_of
from provider.protocol.errors import PluginError

ANSWER_SECONDS: Final = 30.0
"""How long a registry that was just started may take to answer."""

ATTEMPTS: Final = 4
RETRY_SECONDS: Final = 0.25
TRANSFER_SECONDS: Final = 600.0
"""How long one request may make no progress: a large layer is written to disk before the registry answers."""

NOT_FOUND: Final = 404

# Named one by one: a registry may answer "*/*" as if it had no OCI manifest.
MANIFEST_TYPES: Final = (
    "application/vnd.oci.image.index.v1+json,"
    "application/vnd.oci.image.manifest.v1+json,"
    "application/vnd.docker.distribution.manifest.list.v2+json,"
    "application/vnd.docker.distribution.manifest.v2+json"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response's status, the headers that matter here, and its content."""

    status: int
    location: str
    digest: str
    media_type: str
    content: bytes


class Repository:
    """One repository of a registry, as ``localhost:5000/codeopen/base``; ``insecure`` means plain HTTP.

    A request fails once it makes no progress for ``seconds``.
    """

    def __init__(self, reference: str, *, insecure: bool, seconds: float = TRANSFER_SECONDS) -> None:
        self.reference = reference
        self._host, _, self._name = reference.partition("/")
        self._insecure = insecure
        self._seconds = seconds

    def wait_until_answering(self) -> None:
        """Return once the registry answers. Raises PluginError after ANSWER_SECONDS, or when it asks for a login."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            left = max(deadline - time.monotonic(), RETRY_SECONDS)
            try:
                status = Repository(self.reference, insecure=self._insecure, seconds=left).status()
            except PluginError:
                status = 0
            if status == http.client.OK:
                return
            if status in {http.client.UNAUTHORIZED, http.client.FORBIDDEN}:
                raise PluginError(f"the registry {self._host} asks for a login; this provider works without one only")
            if time.monotonic() > deadline:
                raise PluginError(
                    f"the registry {self._host} doesn't answer within {ANSWER_SECONDS:.0f} s; is it running?"
                )
            time.sleep(RETRY_SECONDS)

    def status(self) -> int:
        """How the registry answers to its own address: 200 when it speaks this API and lets anyone in."""
        return self._request("GET", "/v2/").status

    def has_blob(self, digest: str) -> bool:
        return self._request("HEAD", self._path("blobs", digest)).status == http.client.OK

    def has_manifest(self, reference: str, digest: str) -> bool:
        """Whether this tag or digest stands for ``digest``. Raises PluginError when the registry can't tell."""
        answer = self._look_up("HEAD", reference)
        if answer.status == NOT_FOUND:
            return False
        self._expect(answer, http.client.OK, f"look up {reference}")
        return answer.digest in {"", digest}

    def manifest(self, reference: str) -> Manifest | None:
        """What this tag or digest stands for, or nothing. Raises PluginError when the registry can't tell."""
        answer = self._look_up("GET", reference)
        if answer.status == NOT_FOUND:
            return None
        self._expect(answer, http.client.OK, f"give the manifest {reference}")
        manifest = Manifest(digest_of(answer.content), answer.media_type, answer.content)
        if ":" in reference:  # a digest: a tag can't have one
            self._verify(reference, manifest.digest)
        return manifest

    def labels(self, manifest: Manifest) -> dict[str, str]:
        """The labels in an image's config; an index has those of its first platform. Raises PluginError."""
        if manifest.is_index:
            digest = manifest.first_platform()
            image = self.manifest(digest)
            if image is None:
                raise PluginError(
                    f"the registry {self._host} lacks {digest}, a part of {manifest.digest} in {self._name}; "
                    "publish it again"
                )
            return self.labels(image)
        digest = manifest.config()
        answer = self._request("GET", self._path("blobs", digest))
        self._expect(answer, http.client.OK, f"give the config {digest}")
        self._verify(digest, digest_of(answer.content))
        try:
            labels = json.loads(answer.content).get("config", {}).get("Labels") or {}
            return {str(name): str(value) for name, value in labels.items()}
        except (ValueError, AttributeError) as error:
            raise PluginError(f"{digest} in {self.reference} is no image config: {error}; publish it again") from error

    def put_blob(self, digest: str, content: IO[bytes], size: int) -> None:
        """Upload a blob in one request, streamed; the registry verifies its digest."""
        start = self._request("POST", self._path("blobs", "uploads/"), {"Content-Length": "0"})
        self._expect(start, http.client.ACCEPTED, "start an upload")
        target = urlsplit(start.location)
        query = "&".join(filter(None, [target.query, urlencode({"digest": digest})]))
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        answer = self._request("PUT", f"{target.path}?{query}", headers, content, target.netloc)
        self._expect(answer, http.client.CREATED, f"upload the blob {digest}")

    def put_manifest(self, reference: str, media_type: str, content: bytes) -> None:
        """Store a manifest under a tag or its digest."""
        headers = {"Content-Type": media_type, "Content-Length": str(len(content))}
        answer = self._request("PUT", self._path("manifests", reference), headers, content)
        self._expect(answer, http.client.CREATED, f"store the manifest {reference}")

    def _look_up(self, method: str, reference: str) -> Answer:
        """Ask for a manifest. A registry that is just writing the tag answers 5xx, and is asked again a few times."""
        for _ in range(ATTEMPTS - 1):
            answer = self._request(method, self._path("manifests", reference), {"Accept": MANIFEST_TYPES})
            if answer.status < http.client.INTERNAL_SERVER_ERROR:
                return answer
            time.sleep(RETRY_SECONDS)
        return self._request(method, self._path("manifests", reference), {"Accept": MANIFEST_TYPES})

    def _path(self, kind: str, reference: str) -> str:
        return f"/v2/{self._name}/{kind}/{quote(reference, safe=':/')}"

    def _verify(self, asked: str, given: str) -> None:
        if asked != given:
            raise PluginError(
                f"the registry {self._host} gave {given} for {asked} in {self._name}; its storage is damaged"
            )

    def _expect(self, answer: Answer, status: int, task: str) -> None:
        if answer.status != status:
            reason = http.client.responses.get(answer.status, "unknown")
            raise PluginError(
                f"the registry {self._host} didn't {task} in {self._name}: it answered {answer.status} ({reason})"
            )

    def _request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | IO[bytes] | None = None,
        host: str = "",
    ) -> Answer:
        kind = http.client.HTTPConnection if self._insecure else http.client.HTTPSConnection
        connection = kind(host or self._host, timeout=self._seconds)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise PluginError(f"the registry {self._host} can't be reached: {error}") from error
        finally:
            connection.close()
        return Answer(
            response.status,
            response.getheader("Location", ""),
            response.getheader("Docker-Content-Digest", ""),
            response.getheader("Content-Type", "").partition(";")[0].strip(),
            content,
        )
