"""A language host for Python programs, for machines where ``pulumi-language-python`` can't be had.

It runs programs through the SDK's own ``pulumi-language-python-exec``, as the official host does. It doesn't create
virtual environments, generate code or debug.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from typing import IO, Any, Final

from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from fallback_plugins.interpreter import activated, find_interpreter
from provider.protocol.server import serve

ALREADY_REPORTED: Final = 32
"""The exec script's exit code for "the person has been told what is wrong"."""

LIST_PACKAGES: Final = """
import importlib.metadata as metadata, json
print(json.dumps(sorted({(d.metadata["Name"], d.version) for d in metadata.distributions()})))
"""


class Children:
    """The processes that this host started, so that none outlives it."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = Lock()

    def start(self, command: Sequence[str], cwd: str, environment: Mapping[str, str], *, piped: bool) -> Any:
        """Start a process as the leader of a group of its own; its output goes to the host's unless ``piped``."""
        output = subprocess.PIPE if piped else None
        process = subprocess.Popen(
            command,
            cwd=cwd or None,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        with self._lock:
            self._running.add(process)
        return process

    def wait(self, process: subprocess.Popen[bytes]) -> int:
        code = process.wait()
        with self._lock:
            self._running.discard(process)
        return code

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """End the process and whatever it started."""
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)

    def stop_all(self) -> None:
        with self._lock:
            running = tuple(self._running)
        for process in running:
            self.stop(process)


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Runs programs and plugins; ``exec_script`` is the SDK's ``pulumi-language-python-exec``."""

    def __init__(self, engine_address: str, exec_script: Path) -> None:
        self._engine_address = engine_address
        self._exec_script = exec_script
        self._children = Children()

    # The protocol's names are not Python's, and every method has to take a context.
    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        self._engine_address = request.engine_address or self._engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return plugin_pb2.PluginInfo()

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """None in advance: the engine asks for a plugin when a program uses it.

        The official host names the plugin of every SDK that is installed. Where plugins can't be downloaded that
        would fail runs for providers which the program never uses.
        """
        return language_pb2.GetRequiredPackagesResponse()

    def GetRequiredPlugins(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return language_pb2.GetRequiredPluginsResponse()

    def Run(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            interpreter = find_interpreter(request.info)
        except FileNotFoundError as error:
            return language_pb2.RunResponse(error=str(error))
        environment = activated(os.environ, interpreter)
        environment["PULUMI_CONFIG"] = json.dumps(dict(request.config))
        environment["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(list(request.configSecretKeys))
        command = [str(interpreter), "-u", str(self._exec_script), *self._run_arguments(request)]
        process = self._children.start(command, request.pwd, environment, piped=False)
        context.add_callback(partial(self._children.stop, process))
        code = self._children.wait(process)
        if code == ALREADY_REPORTED:
            return language_pb2.RunResponse(bail=True)
        if code != 0:
            return language_pb2.RunResponse(error=f"Program exited with non-zero exit code: {code}")
        return language_pb2.RunResponse()

    def _run_arguments(self, request: Any) -> list[str]:
        options = {
            "--monitor": request.monitor_address,
            "--engine": self._engine_address,
            "--project": request.project,
            "--root_directory": request.info.root_directory,
            "--stack": request.stack,
            "--organization": request.organization,
            "--pwd": request.pwd,
            "--parallel": str(request.parallel),
            "--dry_run": "true" if request.dryRun else "false",
        }
        given = [text for name, value in options.items() if value for text in (name, value)]
        return [*given, request.info.entry_point or request.program or ".", *request.args]

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        """Run a folder of Python (a policy pack, a provider in source form) and stream what it writes."""
        interpreter = find_interpreter(request.info)
        given = dict(entry.split("=", 1) for entry in request.env if "=" in entry)
        command = [str(interpreter), "-u", request.info.program_directory, *request.args]
        process = self._children.start(command, request.pwd, activated(given or os.environ, interpreter), piped=True)
        context.add_callback(partial(self._children.stop, process))
        yield from _streamed(process)
        yield language_pb2.RunPluginResponse(exitcode=self._children.wait(process))

    def About(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        interpreter = find_interpreter(request.info)
        version = _output([str(interpreter), "-c", "import platform; print(platform.python_version())"])
        return language_pb2.AboutResponse(executable=str(interpreter), version=version.strip())

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        packages = json.loads(_output([str(find_interpreter(request.info)), "-c", LIST_PACKAGES]))
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[language_pb2.DependencyInfo(name=name, version=version) for name, version in packages]
        )

    def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802, ARG002
        text = "Nothing installed: the project's set-up owns its virtual environment; run: make setup\n"
        yield language_pb2.InstallDependenciesResponse(stdout=text.encode())

    def RuntimeOptionsPrompts(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return language_pb2.RuntimeOptionsResponse()

    def Template(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return language_pb2.TemplateResponse()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        self._children.stop_all()
        return empty_pb2.Empty()

    def close(self) -> None:
        """End every process that is still running."""
        self._children.stop_all()


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout


def _streamed(process: subprocess.Popen[bytes]) -> Iterator[Any]:
    """What the process writes to its two pipes, in the order of arrival, until both are closed."""
    chunks: SimpleQueue[tuple[str, bytes]] = SimpleQueue()

    def pump(name: str, pipe: IO[bytes]) -> None:
        while chunk := os.read(pipe.fileno(), 65536):
            chunks.put((name, chunk))
        chunks.put((name, b""))

    pipes = {"stdout": process.stdout, "stderr": process.stderr}
    for name, pipe in pipes.items():
        Thread(target=pump, args=(name, pipe), daemon=True).start()
    open_pipes = len(pipes)
    while open_pipes:
        name, chunk = chunks.get()
        if not chunk:
            open_pipes -= 1
            continue
        if name == "stdout":
            yield language_pb2.RunPluginResponse(stdout=chunk)
        else:
            yield language_pb2.RunPluginResponse(stderr=chunk)


def run(engine_address: str, exec_script: Path) -> None:
    """Serve until the engine ends this process."""
    host = LanguageHost(engine_address, exec_script)
    serve(partial(language_pb2_grpc.add_LanguageRuntimeServicer_to_server, host), host.close)
