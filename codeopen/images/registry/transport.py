"""Requests to one registry: authorized as it asks for, and tried again within a limit.

A request may be sent again when that changes nothing: reading, deleting, a manifest under its digest or tag, beginning
an upload (the one before is left to the registry, which clears it away). The content of an upload is sent once; who
sends it (``codeopen.images.registry.uploads``) looks whether it arrived, and begins again.
"""

from __future__ import annotations

import http
import itertools
import json
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote, urljoin, urlsplit

import urllib3

from codeopen.errors import RegistryError
from codeopen.images.registry.login import Login, challenge_of, is_loopback

Answer = urllib3.BaseHTTPResponse
_T = TypeVar("_T")

_CONNECT_SECONDS: Final = 5
# 404 is an answer; these mean that the registry may answer otherwise in a moment.
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
_REFUSED: Final = (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN)
# urllib3 follows redirects, without the authorization where they lead to another host; all else is decided here.
_REDIRECTS_ONLY: Final = urllib3.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=5)
# What asks for tokens may be asked again; a token is nothing but an answer.
_TOKEN_RETRIES: Final = urllib3.Retry(
    total=4, backoff_factor=0.1, allowed_methods=None, status_forcelist=_PASSING, raise_on_status=False,
    retry_after_max=10,
)  # fmt: skip
_CONNECTIONS: Final = 16
_LONGEST_DETAIL: Final = 300
# Docker Hub's API is not at the name that its images have.
_API_HOSTS: Final = {"docker.io": "registry-1.docker.io"}
_REASONS: Final = (
    (urllib3.exceptions.SSLError, "its certificate is not accepted here"),
    (urllib3.exceptions.NameResolutionError, "its name can't be resolved"),
    (urllib3.exceptions.NewConnectionError, "no connection"),
    (urllib3.exceptions.TimeoutError, "nothing came in time"),
    (urllib3.exceptions.ProtocolError, "the connection broke off"),
    (urllib3.exceptions.ResponseError, "it redirects without end"),
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long a registry is asked for one thing; waits double from the first to the longest.

    ``silence`` is for how many seconds it may say nothing while it is asked.
    """

    attempts: int = 6
    seconds: float = 90
    first_wait: float = 0.1
    longest_wait: float = 5
    silence: float = 60


@dataclass(frozen=True, slots=True)
class Request:
    """``address`` is a path below ``/v2/<repository>/``, or a whole address; ``step`` says what it is for, in words.

    ``actions`` are what the token must allow in the repository, ``scopes`` are further scopes. Content that is no
    bytes is sent once.
    """

    method: str
    repository: str
    address: str
    step: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | Iterable[bytes] | None = None
    actions: str = "pull,push"
    scopes: tuple[str, ...] = ()
    stream: bool = False


class PassingError(RegistryError):
    """A registry that may answer otherwise in a moment; ``wait`` is for how many seconds it asks, if it does."""

    def __init__(self, message: str, wait: float = 0) -> None:
        super().__init__(message)
        self.wait = wait


class Transport:
    """One registry; may be used by several threads.

    Plain HTTP is spoken on loopback addresses only, as Docker does, and not with a server there that wants TLS.
    """

    def __init__(self, host: str, login: Login | None = None, patience: Patience | None = None) -> None:
        self.host = host
        name = urlsplit(f"//{host}").hostname or ""
        self.root = f"{'http' if is_loopback(name) else 'https'}://{_API_HOSTS.get(host, host)}"
        self.patience = patience or Patience()
        self._login = login or Login(host)
        timeout = urllib3.Timeout(connect=min(_CONNECT_SECONDS, self.patience.silence), read=self.patience.silence)
        self._pool = urllib3.PoolManager(maxsize=_CONNECTIONS, timeout=timeout, retries=_TOKEN_RETRIES)
        self._lock = threading.Lock()
        self._authorization: dict[tuple[str, ...], str] = {}
        self._basic: str | None = None

    def perform(self, request: Request) -> Answer:
        """The answer to a request that may be repeated. Raises RegistryError when there is none within the limit."""
        return self.persist(lambda: self.attempt(request))

    def persist(self, attempt: Callable[[], _T]) -> _T:
        """Repeat what raises PassingError, with growing waits, until it ends or the limit is reached."""
        started = time.monotonic()
        wait = self.patience.first_wait
        for number in itertools.count(1):
            try:
                return attempt()
            except PassingError as error:
                # Several threads that were refused at once don't come back at once.
                pause = max(error.wait, wait * random.uniform(0.5, 1))  # noqa: S311
                spent = time.monotonic() - started
                if number >= self.patience.attempts or spent + pause > self.patience.seconds:
                    asked = f", and it asks to wait {error.wait:.0f} s more" if error.wait > wait else ""
                    tried = f"given up after {number} attempts in {spent:.1f} s{asked}"
                    raise RegistryError(f"{error}; {tried}") from error
                time.sleep(pause)
                wait = min(2 * wait, self.patience.longest_wait)
        raise AssertionError

    def attempt(self, request: Request) -> Answer:
        """The answer to a request that is sent once, and once more when the registry asks for authorization.

        Raises PassingError for what may be better in a moment.
        """
        # An address that the registry gave may be anywhere: then it gets no authorization of ours.
        address = urljoin(f"{self.root}/v2/{quote(request.repository)}/", request.address)
        own = _origin(address) == _origin(self.root)
        scopes = self._scopes(request)
        known = (self._basic or self._authorization.get(scopes)) if own else None
        answer = self._exchange(request, address, known)
        if own and answer.status == http.HTTPStatus.BAD_REQUEST and self._wants_tls(request):
            answer.release_conn()
            self.root = self.root.replace("http:", "https:", 1)
            return self.attempt(replace(request, address=address.replace("http:", "https:", 1)))
        if answer.status == http.HTTPStatus.UNAUTHORIZED and own:
            answer.drain_conn()
            self._authorize(scopes, answer.headers.get("WWW-Authenticate", ""), known, request)
            if not isinstance(request.content, bytes | None):
                raise PassingError(f"{self._where(request)}: what it let in before, it refused in the middle")
            answer = self._exchange(request, address, self._basic or self._authorization[scopes])
        if answer.status in _PASSING:
            text = f"{self._where(request)}: it answers {answer.status} {self._detail(answer)}".rstrip()
            answer.release_conn()
            raise PassingError(text, _seconds_to_wait(answer))
        return answer

    def expect(self, answer: Answer, statuses: Iterable[int], repository: str, step: str) -> None:
        """Raise RegistryError for an answer of another status."""
        if answer.status in statuses:
            return
        advice = ""
        if answer.status in _REFUSED:
            advice = f"; log in as somebody who may do that: `docker login {self.host}`"
        told = f"it answers {answer.status} {self._detail(answer)}".rstrip()
        raise RegistryError(f"{self.host}/{repository}: {step}: {told}{advice}")

    def _exchange(self, request: Request, address: str, authorization: str | None) -> Answer:
        headers = {**request.headers, **({"Authorization": authorization} if authorization else {})}
        try:
            return self._pool.request(
                request.method,
                address,
                headers=headers,
                body=request.content,
                preload_content=not request.stream,
                decode_content=False,
                retries=_REDIRECTS_ONLY,
            )
        except urllib3.exceptions.HTTPError as error:
            # Its own text may hold a signed address.
            text = f"{self._where(request)}: no answer: {reason_of(error)}"
            if isinstance(getattr(error, "reason", error), urllib3.exceptions.SSLError):
                raise RegistryError(text) from None
            raise PassingError(text) from None

    def _wants_tls(self, request: Request) -> bool:
        """Whether the server says that it was asked without TLS, as Go's and nginx do: with 400 and a text."""
        if self.root.startswith("https:") or not isinstance(request.content, bytes | None):
            return False
        probe = self._exchange(Request("GET", request.repository, "", request.step), f"{self.root}/v2/", None)
        return probe.status == http.HTTPStatus.BAD_REQUEST and b"HTTPS" in probe.data

    def _authorize(self, scopes: tuple[str, ...], challenge: str, used: str | None, request: Request) -> None:
        """Get what the registry asks for, once for all threads that were refused with the same."""
        with self._lock:
            if (self._basic or self._authorization.get(scopes)) != used:
                return
            try:
                found = self._login.authorize(self._pool, challenge_of(challenge), scopes)
            except RegistryError as error:
                reason = str(error).removeprefix(f"{self.host}: ")
                raise RegistryError(f"{self._where(request)}: {reason}") from error
            # A token is for its scopes; a password is for all that the registry has.
            self._authorization[scopes] = found
            self._basic = found if found.startswith("Basic ") else None

    @staticmethod
    def _scopes(request: Request) -> tuple[str, ...]:
        own = (f"repository:{request.repository}:{request.actions}",) if request.repository else ()
        return (*own, *request.scopes)

    def _where(self, request: Request) -> str:
        return f"{self.host}/{request.repository}: {request.step}"

    def _detail(self, answer: Answer) -> str:
        """What the registry says of an error, in one line that holds no secret and nothing that steers a terminal."""
        text = "; ".join(f"{code} {message}".strip() for code, message in errors_of(answer)) or answer.reason or ""
        plain = re.sub(r"[^\x20-\x7e]+", " ", self._login.conceal(text))
        return plain if len(plain) <= _LONGEST_DETAIL else f"{plain[:_LONGEST_DETAIL]}…"


def errors_of(answer: Answer) -> list[tuple[str, str]]:
    """The errors that a registry names: codes and messages. Source: OCI Distribution Specification, "Error Codes"."""
    try:
        errors: list[Any] = json.loads(answer.data)["errors"]
        return [(str(error.get("code", "")), str(error.get("message", ""))) for error in errors]
    except (ValueError, KeyError, TypeError, AttributeError, urllib3.exceptions.HTTPError):
        return []


def reason_of(error: Exception) -> str:
    """Why there is no answer, in words without addresses."""
    reason = getattr(error, "reason", None) or error
    words = next((words for kind, words in _REASONS if isinstance(reason, kind)), type(reason).__name__)
    # As "[Errno 111] Connection refused", after what it wanted to reach.
    detail = re.search(r"\[Errno -?\d+\] ([A-Za-z ]+)$", str(reason))
    return f"{words} ({detail[1]})" if detail else words


def _origin(address: str) -> tuple[str, str, int]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _seconds_to_wait(answer: Answer) -> float:
    """Retry-After, as seconds or as a date. Source: RFC 9110, 10.2.3."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0
