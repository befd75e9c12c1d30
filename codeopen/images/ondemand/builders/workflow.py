"""Builds in a CI workflow: starts it, and waits until the registry has the image of the plan.

Source: GitHub REST API 2022-11-28, "Create a workflow dispatch event", "List workflow runs for a workflow".
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

import urllib3

from codeopen.errors import BuildError
from codeopen.images.ondemand.builders.job import BuildJob, Log
from codeopen.images.registry.registry import Registry
from codeopen.model.plan.digest import plan_tag

GITHUB: Final = "https://api.github.com"
_RETRIES: Final = urllib3.Retry(
    total=4, backoff_factor=0.2, status_forcelist={429, 502, 503, 504}, allowed_methods={"GET"}, raise_on_status=False
)
_NO_CONTENT: Final = 204
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class WorkflowBuilder:
    """The workflow ``file`` of a repository, started on ``ref`` with the inputs of a build.

    It gets ``part`` (of a chain ``js+addon-gui``), ``platform``, ``plan-digest`` and ``run``, which it has to show in
    its run's name. Within ``seconds`` it has to publish the image under the plan's tag, as ``codeopen build PART
    --platform PLATFORM --lock none`` does: its caller holds the lock of this image, and waits for it. The registry is
    asked every ``poll_seconds``.
    """

    api: str
    repository: str
    file: str
    ref: str
    token: str = field(repr=False)
    registry: Registry = field(repr=False)
    seconds: float = 3600
    poll_seconds: float = 5

    def build(self, job: BuildJob, log: Log) -> str:
        run = uuid.uuid4().hex
        inputs = {"part": job.name, "platform": job.platform, "plan-digest": job.plan_digest, "run": run}
        answer = self._request("POST", "dispatches", {"ref": self.ref, "inputs": inputs})
        if answer.status != _NO_CONTENT:
            raise BuildError(f"{self._name}: it can't be started: {answer.status} {_message(answer)}")
        log(f"started workflow {self.file} of {self.repository} on {self.ref}")
        repository = job.repository.partition("/")[2]
        deadline = time.monotonic() + self.seconds
        state = ""
        while time.monotonic() < deadline:
            if digest := self.registry.find_manifest(repository, plan_tag(job.plan_digest)):
                return digest
            found = self._find_run(run)
            if found and found.get("status") != state:
                state = str(found["status"])
                log(f"workflow run {found.get('html_url', '')}: {state}")
            if found and state == "completed" and found.get("conclusion") != "success":
                raise BuildError(f"{self._name}: run {found.get('html_url')} ended with {found.get('conclusion')}")
            time.sleep(self.poll_seconds)
        raise BuildError(f"{self._name}: no image of plan {job.plan_digest} after {self.seconds:.0f} s")

    def _find_run(self, run: str) -> dict[str, Any] | None:
        answer = self._request("GET", "runs?event=workflow_dispatch&per_page=50")
        if answer.status != _OK:
            raise BuildError(f"{self._name}: its runs can't be listed: {answer.status} {_message(answer)}")
        runs: list[dict[str, Any]] = answer.json().get("workflow_runs", [])
        return next((each for each in runs if run in str(each.get("display_title", ""))), None)

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> urllib3.BaseHTTPResponse:
        address = f"{self.api}/repos/{self.repository}/actions/workflows/{self.file}/{path}"
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token}",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        content = None if body is None else json.dumps(body).encode()
        try:
            with urllib3.PoolManager(timeout=urllib3.Timeout(30), retries=_RETRIES) as pool:
                return pool.request(method, address, headers=headers, body=content)
        except urllib3.exceptions.HTTPError as error:
            raise BuildError(f"{self._name}: {self.api} gives no answer ({type(error).__name__})") from error

    @property
    def _name(self) -> str:
        return f"workflow {self.file} of {self.repository}"


def _message(answer: urllib3.BaseHTTPResponse) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.reason or ""
