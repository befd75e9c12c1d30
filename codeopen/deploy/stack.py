"""Runs the Pulumi CLI on this project's stacks.

Plain ``pulumi preview`` and ``pulumi up`` do the same work; this adds a stack that is made on first use and a
configuration file of this machine's own, so that the committed one is never written to.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from codeopen.deploy.events import Event, EventLog
from codeopen.errors import DeployError

PROJECT: Final = "codeopen"
_SALT: Final = re.compile(r"^encryptionsalt:.*\n?", re.MULTILINE)
_LAST_LINES: Final = 20
_POLL_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack of this checkout. ``folder`` takes what a run writes: its configuration, log and events."""

    name: str
    checkout: Path
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def _config(self) -> Path:
        return self.folder / f"Pulumi.{self.name}.yaml"

    def up(self, on_event: Callable[[Event], None], *, preview: bool = False) -> tuple[Event, ...]:
        """Apply the stack, or only say what would change. Raises DeployError with the last lines of the log."""
        return self._operate(["preview" if preview else "up"], on_event, confirm=not preview)

    def down(self, on_event: Callable[[Event], None]) -> tuple[Event, ...]:
        """Remove everything but what is protected: volumes and credentials stay. Raises DeployError."""
        return self._operate(["destroy", "--exclude-protected"], on_event, confirm=True)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs; secret ones are masked. Raises DeployError."""
        parsed: dict[str, Any] = json.loads(self._run(["stack", "output", "--json", "--stack", self.name]))
        return parsed

    def _operate(self, words: Sequence[str], on_event: Callable[[Event], None], *, confirm: bool) -> tuple[Event, ...]:
        self._prepare()
        events = self.folder / f"{self.name}.events"
        events.unlink(missing_ok=True)
        command = ["pulumi", *words, "--stack", self.name, "--config-file", str(self._config), "--non-interactive"]
        command += ["--suppress-outputs", "--event-log", str(events), *(["--yes", "--skip-preview"] if confirm else [])]
        log = EventLog(events)
        with self.log.open("wb") as output:
            process = self._start(command, output)
            try:
                while True:
                    try:
                        code = process.wait(timeout=_POLL_SECONDS)
                    except subprocess.TimeoutExpired:
                        code = None
                    for event in log.read():
                        on_event(event)
                    if code is not None:
                        break
            except KeyboardInterrupt:
                # The CLI has been interrupted too: it ends what it began, which takes a moment.
                process.wait()
                raise
        if code:
            raise DeployError(self._failure(words[0], code, log.errors))
        return log.events

    def _prepare(self) -> None:
        """Make the stack if it isn't there, and this machine's copy of its configuration."""
        committed = self.checkout / "stacks" / f"Pulumi.{self.name}.yaml"
        if not committed.is_file():
            known = sorted(file.name.split(".")[1] for file in committed.parent.glob("Pulumi.*.yaml"))
            raise DeployError(f"stack {self.name!r}: {committed} does not exist; take one of {', '.join(known)}")
        self.folder.mkdir(parents=True, exist_ok=True)
        text = committed.read_text(encoding="utf-8")
        salt = _SALT.search(text) or _SALT.search(self._config.read_text("utf-8") if self._config.is_file() else "")
        listed = json.loads(self._run(["stack", "ls", "--json", "--project", PROJECT]))
        if not any(stack["name"].rpartition("/")[2] == self.name for stack in listed):
            salt = _SALT.search(self._create()) or salt
        part = self._config.with_suffix(".part")
        part.write_text(_SALT.sub("", text).rstrip() + "\n" + (salt[0] if salt else ""), encoding="utf-8")
        part.replace(self._config)

    def _create(self) -> str:
        """Make the stack beside a project file of its own: the CLI would add a salt to the committed configuration."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n", encoding="utf-8")
            self._run(["--cwd", folder, "stack", "init", self.name, "--no-select"])
            written = Path(folder, f"Pulumi.{self.name}.yaml")
            return written.read_text("utf-8") if written.is_file() else ""

    def _start(self, command: Sequence[str], output: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=self.checkout,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def _run(self, words: Sequence[str]) -> str:
        done = subprocess.run(
            ["pulumi", "--non-interactive", *words],
            cwd=self.checkout,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DeployError(f"pulumi {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def _environment(self) -> Mapping[str, str]:
        if shutil.which("pulumi") is None:
            raise DeployError("pulumi is not on PATH; run `make setup`, then `. .codeopen/env`")
        # --event-log is one of the CLI's debugging flags.
        return {**os.environ, "PULUMI_DEBUG_COMMANDS": "true"}

    def _failure(self, operation: str, code: int, errors: Sequence[str]) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        shown = errors or [line for line in lines if not line.startswith("@")][-_LAST_LINES:]
        return "\n".join(
            [f"pulumi {operation} of stack {self.name} failed with code {code}; all of it: {self.log}", *shown]
        )
