"""Asks those who publish: which versions there are, and what digest an image or a file has."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import urllib3

from codeopen.authoring.upstreams.rewrite import replace_version
from codeopen.authoring.upstreams.versions import allows, newest, order
from codeopen.environment.children import run
from codeopen.errors import RegistryError, UpstreamError
from codeopen.images.registry.registry import Registry
from codeopen.images.registry.transport import Patience

_TOOLS: Final = {
    "npm": "install Node.js, which has it",
    "uv": "install it from PyPI (pip install uv)",
    "go": "install it from https://go.dev/dl",
    "cargo": "install Rust, which has it",
}
# A module names the Go that compiles it, which comes as a module too.
GO_ENVIRONMENT: Final = {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "auto"}
_TIMEOUT_SECONDS: Final = 900
_LONGEST_REASON: Final = 400
_BLOCK: Final = 1 << 20
# A registry that doesn't answer at all is told after a few seconds: there are dozens to ask.
_PATIENCE: Final = Patience(attempts=2, seconds=10)
_HTTP_TIMEOUT: Final = urllib3.Timeout(connect=5, read=60)


def run_tool(words: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """What a package manager prints. Raises UpstreamError with the end of what it said."""
    if shutil.which(words[0]) is None:
        raise UpstreamError(f"{words[0]} is not on PATH; {_TOOLS[words[0]]}")
    try:
        done = run(words, cwd=folder, env={**os.environ, **(environment or {})}, seconds=_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise UpstreamError(f"`{' '.join(words)}` did not end within {_TIMEOUT_SECONDS} s; try again later") from error
    if done.returncode:
        raise UpstreamError(f"`{' '.join(words[:4])}` failed: {_reason(done.stderr or done.stdout)}")
    return done.stdout


def newest_npm(package: str, constraint: str, current: str, folder: Path) -> str:
    """The newest release of an npm package that its registry lists."""
    listed = json.loads(run_tool(["npm", "view", package, "versions", "--json"], folder))
    return newest([listed] if isinstance(listed, str) else listed, constraint, current)


def newest_go(module: str, constraint: str, current: str, folder: Path, go: str) -> str:
    """The newest release of a Go module; where ``go`` constrains Go itself, the newest that such a Go compiles."""
    listed = run_tool(["go", "list", "-m", "-versions", module], folder, GO_ENVIRONMENT).split()[1:]
    candidates = [version for version in listed if newest([version], constraint, current) != current]
    for version in sorted(candidates, key=lambda each: order(each) or ((), 0), reverse=True):
        if not go:
            return version
        told = json.loads(run_tool(["go", "list", "-m", "-json", f"{module}@{version}"], folder, GO_ENVIRONMENT))
        asks = told.get("GoVersion", go.removesuffix(".x"))
        if allows(go, asks) or newest([asks], "", go.removesuffix(".x")) == go.removesuffix(".x"):
            return version
    return current


def newest_image(reference: str, version: str, constraint: str) -> str:
    """The newest version among an image's tags that are written as its own is."""
    registry, repository, tag = _split(reference)
    pattern = re.compile(re.escape(replace_version(tag, version, "0")).replace("0", r"(\d+(?:\.\d+)*)", 1))
    if replace_version(tag, version, "0") == tag:
        return version
    with _told(reference):
        found = [match[1] for each in registry.list_tags(repository) if (match := pattern.fullmatch(each))]
    depth = version.count(".")
    best = newest([each for each in found if each.count(".") == depth], constraint, version.removeprefix("v"))
    return f"v{best}" if version.startswith("v") else best


def image_digest(reference: str) -> str:
    """The digest that a tag has now."""
    registry, repository, tag = _split(reference)
    with _told(reference):
        digest = registry.find_manifest(repository, tag)
    if digest is None:
        raise UpstreamError(f"{reference}: the registry has no such tag")
    return digest


def newest_file(releases: Mapping[str, Any], constraint: str, current: str) -> str:
    """The newest version that a page of releases names."""
    with _opened(releases["url"]) as answer:
        text = answer.read(decode_content=True).decode("utf-8", "replace")
    found = re.findall(releases["version"], text)
    if not found:
        raise UpstreamError(
            f"{releases['url']}: nothing in it matches {releases['version']!r}; correct releases.version"
        )
    return newest(found, constraint, current)


def file_digest(url: str) -> str:
    """The digest of a file's content, which is read once and not kept."""
    digest = hashlib.sha256()
    with _opened(url) as answer:
        for block in answer.stream(_BLOCK):
            digest.update(block)
    return f"sha256:{digest.hexdigest()}"


def _split(reference: str) -> tuple[Registry, str, str]:
    host, _, rest = reference.partition("/")
    repository, _, tag = rest.partition(":")
    return Registry(host, patience=_PATIENCE), repository, tag


@contextmanager
def _told(reference: str) -> Iterator[None]:
    try:
        yield
    except RegistryError as error:
        raise UpstreamError(f"{reference}: {_reason(str(error))}") from error


@contextmanager
def _opened(url: str) -> Iterator[urllib3.BaseHTTPResponse]:
    try:
        with urllib3.PoolManager(retries=urllib3.Retry(1, redirect=5), timeout=_HTTP_TIMEOUT) as pool:
            answer = pool.request("GET", url, preload_content=False)
            try:
                if answer.status != 200:  # noqa: PLR2004  # the one answer that holds it
                    raise UpstreamError(f"{url}: the server answers {answer.status}")
                yield answer
            finally:
                answer.release_conn()
    except urllib3.exceptions.HTTPError as error:
        raise UpstreamError(f"{url}: can't be reached ({type(error).__name__}); run this where it can be") from error


def _reason(text: str) -> str:
    """The last lines of what a program said, on one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and "complete log of this run" not in line]
    said = " | ".join(lines[-6:])
    return said if len(said) <= _LONGEST_REASON else f"…{said[-_LONGEST_REASON:]}"
