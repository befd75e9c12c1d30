"""A builder by the text that names it."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

from codeopen.errors import BuildError
from codeopen.images.ondemand.builders.buildx import BuildxBuilder, RemoteBuilder
from codeopen.images.ondemand.builders.job import Builder
from codeopen.images.ondemand.builders.workflow import GITHUB, WorkflowBuilder
from codeopen.images.registry.registry import Registry

TOKEN: Final = "CODEOPEN_WORKFLOW_TOKEN"  # noqa: S105 - the name of a variable
API: Final = "CODEOPEN_WORKFLOW_API"
_WORKFLOW: Final = re.compile(r"workflow:(?P<repository>[\w.-]+/[\w.-]+)/(?P<file>[\w.-]+)@(?P<ref>[\w./-]+)")


def choose_builder(text: str, folder: Path, registry: Registry) -> Builder:
    """The builder that a text names. Raises BuildError.

    A name is one of ``docker buildx ls``. ``tcp://host:1234?cacert=FILE&cert=FILE&key=FILE`` and
    ``kubernetes://?namespace=build&rootless=true`` are BuildKits elsewhere, with the options of buildx's driver.
    ``workflow:owner/repository/file.yml@main`` starts a workflow of GitHub, with the token in CODEOPEN_WORKFLOW_TOKEN.
    """
    if text.startswith("workflow:"):
        found = _WORKFLOW.fullmatch(text)
        if found is None:
            raise BuildError(f"builder {text!r}: write workflow:owner/repository/file.yml@branch")
        token = os.environ.get(TOKEN, "")
        if not token:
            raise BuildError(f"builder {text!r}: set {TOKEN} to a token that may start the workflow")
        api = os.environ.get(API) or GITHUB
        return WorkflowBuilder(api, found["repository"], found["file"], found["ref"], token, registry)
    if "://" in text:
        endpoint, _, query = text.partition("?")
        name = f"codeopen-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        return RemoteBuilder(name, endpoint, dict(parse_qsl(query))).connect(folder)
    return BuildxBuilder(text, folder)
