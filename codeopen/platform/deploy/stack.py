"""Runs the Pulumi CLI on this project's stacks.

Plain ``pulumi preview`` and ``pulumi up`` do the same work; this adds a stack that is made on first use and a
configuration file of this machine's own, so that the committed one is never written to. What a run costs does not
depend on how many stacks there are: one call of the CLI for a stack on Kubernetes that was applied from here before.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from codeopen.errors import DeployError, NoSuchStackError, RunFailedError, StackInUseError, UnknownStackError
from codeopen.platform.deploy.events import Event, EventLog
from codeopen.platform.deploy.pulumi_cli import NO_SUCH_STACK, Watch, follow, run_short
from codeopen.platform.deploy.recovery import (
    MARK,
    clear_dead_locks,
    end_leftovers,
    read_locks,
    refuse_second_run,
    remove_strays,
)

__all__ = ["PROJECT", "Stack", "Watch"]

PROJECT: Final = "codeopen"
_SALT: Final = re.compile(r"^(?:encryptionsalt|encryptedkey):.*\n?", re.MULTILINE)
_ON_CLUSTER: Final = re.compile(r"^ +[\"']?codeopen:cluster[\"']?:", re.MULTILINE)
_SECRETS_PROVIDER: Final = re.compile(r"^secretsprovider: *[\"']?([^\s\"']+)", re.MULTILINE)
_LOCKED: Final = "stack is currently locked"
_PENDING: Final = re.compile(r"with \d+ pending operations")
_LAST_LINES: Final = 20
_ADOPTING: Final[Mapping[str, str]] = {"PULUMI_K8S_UPSERT_EXISTING_OBJECTS": "true"}
"""Lets the Kubernetes provider take over objects that an interrupted run made and the state doesn't know."""


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

    @property
    def _running(self) -> Path:
        """There while a run is at work; left behind by one that was killed."""
        return self.folder / f"{self.name}.running"

    def up(self, watch: Watch, *, preview: bool = False, adopt: bool = False) -> tuple[Event, ...]:
        """Apply the stack, or only say what would change. Raises DeployError with the last lines of the log.

        With ``adopt``, objects of a cluster that are there already are taken over: for a run after one that broke off.
        """
        return self._operate(["preview" if preview else "up"], watch, confirm=not preview, adopt=adopt)

    def down(self, watch: Watch) -> tuple[Event, ...]:
        """Remove everything but what is protected: volumes and credentials stay. Raises DeployError."""
        return self._operate(["destroy", "--exclude-protected"], watch, confirm=True)

    def remove(self, watch: Watch, also: Callable[[], None] = lambda: None) -> tuple[Event, ...]:
        """Remove all that the stack holds, protected or not, and the stack itself. Raises DeployError.

        ``also`` removes what the stack doesn't; should it fail, the stack is still there, for another try.
        """
        self._prepare()
        self._recover(watch)
        self._run(["state", "unprotect", "--all", "--yes", "--stack", self.name])
        events = self._operate(["destroy"], watch, confirm=True)
        also()
        self._run(["stack", "rm", "--yes", "--preserve-config", self.name])
        self._config.unlink(missing_ok=True)
        return events

    def remove_resources(self, urns: Sequence[str], watch: Watch, also: Callable[[], None]) -> tuple[Event, ...]:
        """Remove some of what the stack holds, protected or not. Raises DeployError.

        ``also`` removes, before, what the stack doesn't; should it fail, the stack has them still, for another try.
        """
        self._prepare()
        self._recover(watch)
        also()
        self._run(["state", "unprotect", *urns, "--yes", "--stack", self.name])
        targets = [word for urn in urns for word in ("--target", urn)]
        return self._operate(["destroy", *targets], watch, confirm=True)

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

    def _operate(self, words: Sequence[str], watch: Watch, *, confirm: bool, adopt: bool = False) -> tuple[Event, ...]:
        """Run an operation; a stack that the backend lost, or never had, is made, and the operation run again."""
        self._prepare()
        for last in (False, True):
            try:
                found = confirm and self._recover(watch)
                return self._attempt(words, watch, confirm=confirm, adopt=adopt or found)
            except NoSuchStackError:
                if last:
                    raise
                self._make()
        raise AssertionError("the last attempt returns or raises")

    def _attempt(self, words: Sequence[str], watch: Watch, *, confirm: bool, adopt: bool) -> tuple[Event, ...]:
        events = self.folder / f"{self.name}.events"
        events.unlink(missing_ok=True)
        command = ["pulumi", *words, "--stack", self.name, "--config-file", str(self._config), "--non-interactive"]
        command += ["--suppress-outputs", "--event-log", str(events), *(["--yes", "--skip-preview"] if confirm else [])]
        log = EventLog(events)
        if confirm:
            self._running.touch()
        with self.log.open("wb") as output:
            environment = {MARK: self._mark, **(_ADOPTING if adopt else {})}
            options = {"cwd": self.checkout, "env": environment, "stdout": output, "stderr": subprocess.STDOUT}
            try:
                code = follow(command, options, log, watch)
            except BaseException:
                end_leftovers(self._mark)  # providers have groups of their own, and outlive a CLI that was killed
                raise
        if confirm and code >= 0:  # a signal ends it with less
            self._running.unlink(missing_ok=True)
        if confirm and any(_PENDING.search(warning) for warning in log.warnings):
            self._forget_pending(self.state(), watch)
            if code and not adopt:  # a run of another machine was killed
                return self._attempt(words, watch, confirm=confirm, adopt=True)
        if code:
            raise self._failure(words[0], code, log.errors)
        return log.events

    def _recover(self, watch: Watch) -> bool:
        """Put right what a killed run left behind; returns whether there was such a run.

        Raises DeployError when a run may still be at work.
        """
        refuse_second_run(self._mark, self.name)
        locks = read_locks(os.environ.get("PULUMI_BACKEND_URL", ""), PROJECT, self.name)
        told = clear_dead_locks(locks, self.name) + end_leftovers(self._mark)
        for line in told:
            watch.note(line)
        killed = bool(told) or self._running.exists()
        on_cluster = _ON_CLUSTER.search(self._text()) is not None
        if killed or not on_cluster:
            state = self.state()
            if not on_cluster:
                for line in remove_strays(self.name, state):
                    watch.note(line)
            self._forget_pending(state, watch)
        return killed

    def _forget_pending(self, state: dict[str, Any], watch: Watch) -> None:
        """Drop what a killed run was at from the state, where the engine would keep it for ever: it is done anew.

        Its strays in a Docker Engine are gone by then, and those in a cluster are taken over.
        """
        if not state.get("pending_operations"):
            return
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
        """The stack's configuration; its file in the checkout says that there is such a stack. Raises DeployError."""
        if self.configuration is not None:
            return self.configuration
        committed = self.checkout / "stacks" / f"Pulumi.{self.name}.yaml"
        if not committed.is_file():
            files = committed.parent.glob("Pulumi.*.yaml")
            known = sorted(file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in files)
            fix = f"take one of {', '.join(known)}" if known else "write it"
            raise UnknownStackError(f"stack {self.name!r}: {committed} does not exist; {fix}")
        return committed.read_text(encoding="utf-8")

    def _prepare(self) -> None:
        """Make this machine's copy of the stack's configuration, and the stack where this machine never saw it."""
        text = self._text()
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._config.is_file():
            self._make()
            return
        self._write(text, _salt(self._config.read_text("utf-8")))

    def _make(self) -> None:
        """Make the stack, unless another machine did, beside a project file that the CLI may add a salt to."""
        salt = _salt(self._config.read_text("utf-8")) if self._config.is_file() else ""
        provider = _SECRETS_PROVIDER.search(self._text())
        secrets = ["--secrets-provider", provider[1]] if provider else []
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n", encoding="utf-8")
            try:
                self._run(["--cwd", folder, "stack", "init", self.name, "--no-select", *secrets])
            except DeployError as error:
                if "already exists" not in str(error):
                    raise
            written = Path(folder, f"Pulumi.{self.name}.yaml")
            salt = (_salt(written.read_text("utf-8")) if written.is_file() else "") or salt
        self._write(self._text(), salt)

    def _write(self, text: str, salt: str) -> None:
        """Write the copy. A committed salt comes first: the secrets beside it can be read with no other."""
        part = self._config.with_suffix(".part")
        part.write_text(_SALT.sub("", text).rstrip() + "\n" + (_salt(text) or salt), encoding="utf-8")
        part.replace(self._config)

    def _run(self, words: Sequence[str]) -> str:
        return run_short(words, self.checkout)

    def _failure(self, operation: str, code: int, errors: Sequence[str]) -> DeployError:
        text = self.log.read_text(encoding="utf-8", errors="replace")
        lines = text.splitlines()
        shown = errors or [line for line in lines if not line.startswith("@")][-_LAST_LINES:]
        told = f"pulumi {operation} of stack {self.name} failed with code {code}; all of it: {self.log}"
        if code == NO_SUCH_STACK:
            return NoSuchStackError("\n".join([told, *shown]))
        if _LOCKED in text:
            return StackInUseError("\n".join([told, *shown]))
        return RunFailedError("\n".join([told, *shown]), tuple(shown))


def _salt(configuration: str) -> str:
    """The line with the salt or the key of a configuration's secrets, or nothing."""
    return "".join(found[0].rstrip() + "\n" for found in _SALT.finditer(configuration))
