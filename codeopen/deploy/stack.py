"""Runs the Pulumi CLI on this project's stacks.

Plain ``pulumi preview`` and ``pulumi up`` do the same work; this adds a stack that is made on first use and a
configuration file of this machine's own, so that the committed one is never written to.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from codeopen.deploy.events import Event, EventLog
from codeopen.deploy.recovery import (
    MARK,
    clear_dead_locks,
    end_leftovers,
    read_locks,
    refuse_second_run,
    remove_strays,
)
from codeopen.errors import DeployError

PROJECT: Final = "codeopen"
_SALT: Final = re.compile(r"^encryptionsalt:.*\n?", re.MULTILINE)
_LAST_LINES: Final = 20
_POLL_SECONDS: Final = 0.25
_SHORT_COMMAND_SECONDS: Final = 120
# How the CLI is ended, and the seconds that each way may take: its first interrupt lets it finish what it began, its
# second ends it at once.
_ENDINGS: Final = ((signal.SIGINT, 60.0), (signal.SIGINT, 10.0), (signal.SIGKILL, 10.0))


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told of a run: of each resource it is done with, and of what it had to put right before it began."""

    event: Callable[[Event], None]
    note: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack of this checkout. ``folder`` takes what a run writes: its configuration, log and events.

    ``configuration`` is the text of its configuration file; None for a stack whose file is in the checkout.
    """

    name: str
    checkout: Path
    folder: Path
    configuration: str | None = None

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def _config(self) -> Path:
        return self.folder / f"Pulumi.{self.name}.yaml"

    def up(self, watch: Watch, *, preview: bool = False) -> tuple[Event, ...]:
        """Apply the stack, or only say what would change. Raises DeployError with the last lines of the log."""
        return self._operate(["preview" if preview else "up"], watch, confirm=not preview)

    def down(self, watch: Watch) -> tuple[Event, ...]:
        """Remove everything but what is protected: volumes and credentials stay. Raises DeployError."""
        return self._operate(["destroy", "--exclude-protected"], watch, confirm=True)

    def remove(self, watch: Watch) -> tuple[Event, ...]:
        """Remove all that the stack holds, protected or not, and the stack itself. Raises DeployError."""
        self._prepare()
        self._recover(watch)
        self._run(["state", "unprotect", "--all", "--yes", "--stack", self.name])
        events = self._operate(["destroy"], watch, confirm=True)
        self._run(["stack", "rm", "--yes", "--preserve-config", self.name])
        self._config.unlink(missing_ok=True)
        return events

    def state(self) -> dict[str, Any]:
        """The deployment in the stack's state, with secrets as ciphertext. Raises DeployError."""
        exported: dict[str, Any] = json.loads(self._run(["stack", "export", "--stack", self.name]))
        return dict(exported.get("deployment") or {})

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs; secret ones are masked. Raises DeployError."""
        self._text()
        parsed: dict[str, Any] = json.loads(self._run(["stack", "output", "--json", "--stack", self.name]))
        return parsed

    def secrets(self) -> dict[str, Any]:
        """The deployment in the stack's state, with secrets in plain text, for who asked. Raises DeployError."""
        exported: dict[str, Any] = json.loads(self._run(["stack", "export", "--show-secrets", "--stack", self.name]))
        return dict(exported.get("deployment") or {})

    def _operate(self, words: Sequence[str], watch: Watch, *, confirm: bool) -> tuple[Event, ...]:
        self._prepare()
        if confirm:
            self._recover(watch)
        events = self.folder / f"{self.name}.events"
        events.unlink(missing_ok=True)
        command = ["pulumi", *words, "--stack", self.name, "--config-file", str(self._config), "--non-interactive"]
        command += ["--suppress-outputs", "--event-log", str(events), *(["--yes", "--skip-preview"] if confirm else [])]
        log = EventLog(events)
        with self.log.open("wb") as output:
            code = _follow(self._start(command, output), log, watch)
        if code:
            raise DeployError(self._failure(words[0], code, log.errors))
        return log.events

    def _recover(self, watch: Watch) -> None:
        """Put right what a killed run left behind. Raises DeployError when a run may still be at work."""
        refuse_second_run(self._mark, self.name)
        locks = read_locks(os.environ.get("PULUMI_BACKEND_URL", ""), PROJECT, self.name)
        for told in clear_dead_locks(locks, self.name) + end_leftovers(self._mark):
            watch.note(told)
        state = self.state()
        for told in remove_strays(self.name, state):
            watch.note(told)
        if state.get("pending_operations"):
            self._forget_pending(watch)

    def _forget_pending(self, watch: Watch) -> None:
        """Drop what a killed run was at from the state: its strays are gone, so that the next run does it anew.

        The engine itself keeps such entries for ever, and warns of them in every run.
        """
        exported = json.loads(self._run(["stack", "export", "--stack", self.name]))
        pending = exported["deployment"].pop("pending_operations")
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
            json.dump(exported, file)
            file.flush()
            self._run(["stack", "import", "--stack", self.name, "--file", file.name])
        names = ", ".join(sorted(entry["resource"]["urn"].rpartition("::")[2] for entry in pending))
        watch.note(f"a killed run was at {names}: this one does it again")

    @property
    def _mark(self) -> str:
        """What the processes of this stack's runs carry in their environment, whichever checkout they were run from."""
        backend = os.environ.get("PULUMI_BACKEND_URL", "")
        return hashlib.sha256(f"{backend} {PROJECT} {self.name}".encode()).hexdigest()[:16]

    def _text(self) -> str:
        """The stack's configuration: a file in the checkout says that there is such a stack. Raises DeployError."""
        if self.configuration is not None:
            return self.configuration
        committed = self.checkout / "stacks" / f"Pulumi.{self.name}.yaml"
        if not committed.is_file():
            known = sorted(
                file.name.removeprefix("Pulumi.").removesuffix(".yaml")
                for file in committed.parent.glob("Pulumi.*.yaml")
            )
            fix = f"take one of {', '.join(known)}" if known else "write it"
            raise DeployError(f"stack {self.name!r}: {committed} does not exist; {fix}")
        return committed.read_text(encoding="utf-8")

    def _prepare(self) -> None:
        """Make the stack if it isn't there, and this machine's copy of its configuration."""
        text = self._text()
        self.folder.mkdir(parents=True, exist_ok=True)
        salt = _salt(self._config.read_text("utf-8")) if self._config.is_file() else ""
        listed = json.loads(self._run(["stack", "ls", "--json", "--project", PROJECT]))
        if not any(stack["name"].rpartition("/")[2] == self.name for stack in listed):
            salt = self._create() or salt
        # A committed salt comes first: the secrets beside it can be read with no other.
        salt = _salt(text) or salt
        part = self._config.with_suffix(".part")
        part.write_text(_SALT.sub("", text).rstrip() + "\n" + salt, encoding="utf-8")
        part.replace(self._config)

    def _create(self) -> str:
        """Make the stack beside a project file of its own: the CLI would add a salt to the committed configuration."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n", encoding="utf-8")
            self._run(["--cwd", folder, "stack", "init", self.name, "--no-select"])
            written = Path(folder, f"Pulumi.{self.name}.yaml")
            return _salt(written.read_text("utf-8")) if written.is_file() else ""

    def _start(self, command: Sequence[str], output: Any) -> subprocess.Popen[bytes]:
        """Start the CLI in a process group of its own, so that ctrl-C reaches it once: from ``_follow``."""
        try:
            return subprocess.Popen(
                command,
                cwd=self.checkout,
                env={**_environment(), MARK: self._mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        except OSError as error:
            raise _not_started(error) from error

    def _run(self, words: Sequence[str]) -> str:
        try:
            done = subprocess.run(
                ["pulumi", "--non-interactive", *words],
                cwd=self.checkout,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_SHORT_COMMAND_SECONDS,
                check=False,
            )
        except OSError as error:
            raise _not_started(error) from error
        except subprocess.TimeoutExpired as error:
            raise DeployError(
                f"pulumi {' '.join(words)}: no answer in {_SHORT_COMMAND_SECONDS} s; "
                "see that PULUMI_BACKEND_URL can be reached"
            ) from error
        if done.returncode:
            raise DeployError(f"pulumi {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def _failure(self, operation: str, code: int, errors: Sequence[str]) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        shown = errors or [line for line in lines if not line.startswith("@")][-_LAST_LINES:]
        return "\n".join(
            [f"pulumi {operation} of stack {self.name} failed with code {code}; all of it: {self.log}", *shown]
        )


def _salt(configuration: str) -> str:
    """The line with the salt of a configuration's secrets, or nothing."""
    found = _SALT.search(configuration)
    return found[0].rstrip() + "\n" if found else ""


def _follow(process: subprocess.Popen[bytes], log: EventLog, watch: Watch) -> int:
    """Tell the events of a running CLI until it ends; returns its exit code. No way out of here leaves it running."""
    try:
        while True:
            try:
                code = process.wait(timeout=_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                code = None
            finished = log.read()
            for image in log.take_builds():
                watch.note(f"building {image} …")
            for event in finished:
                watch.event(event)
            if code is not None:
                return code
    except BaseException:
        _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the CLI, the gentlest way first; ctrl-C while it takes its time goes on to the next."""
    for number, seconds in _ENDINGS:
        process.send_signal(number)
        try:
            process.wait(seconds)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            continue
        return


def _environment() -> Mapping[str, str]:
    if shutil.which("pulumi") is None:
        raise DeployError("pulumi is not on PATH; run `make setup`, then `. .codeopen/env`")
    # --event-log is one of the CLI's debugging flags.
    return {**os.environ, "PULUMI_DEBUG_COMMANDS": "true"}


def _not_started(error: OSError) -> DeployError:
    return DeployError(f"pulumi can't be started ({error.strerror}); run `make setup`, then `. .codeopen/env`")
