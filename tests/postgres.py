"""A real PostgreSQL server, which tests start in a folder of its own and end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from tests.live import free_port

PASSWORD = "pa55-w0rd of the test"
NOBODY = 65534  # the server refuses to run as root


@dataclass
class Server:
    """A server with TCP on the loopback address, where it asks for a password, and a socket in its folder."""

    programs: Path
    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        return f"postgresql://locks:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{self.port}/postgres"

    @property
    def socket(self) -> str:
        return f"host={self.folder} port={self.port} user=locks dbname=postgres"

    def create(self) -> None:
        (self.folder / "password").write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (self.folder, self.folder / "password"):
                os.chown(path, NOBODY, NOBODY)
        words = ["--username=locks", f"--pwfile={self.folder}/password", "--auth-host=scram-sha-256"]
        words += ["--auth-local=trust", "--no-sync", "--encoding=UTF8", "--locale=C", f"--pgdata={self.folder}/data"]
        self._start("initdb", *words).wait(60)

    def start(self) -> None:
        settings = {"port": self.port, "unix_socket_directories": self.folder, "listen_addresses": "127.0.0.1"}
        settings |= {"fsync": "off", "max_connections": 60, "shared_buffers": "16MB"}
        words = [f"--{name}={value}" for name, value in settings.items()]
        self.process = self._start("postgres", "-D", str(self.folder / "data"), *words)
        deadline = time.monotonic() + 20
        while True:
            try:
                self.run("SELECT 1")
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.05)
            else:
                return

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(20)

    def run(self, statement: str, schema: str = "public") -> object:
        """The first value of an answer, if any."""
        with psycopg.connect(self.socket, autocommit=True) as connection:
            connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(schema)))
            cursor = connection.execute(statement.encode())
            return next(iter(cursor.fetchone() or ()), None) if cursor.description else None

    def terminate_guards(self) -> None:
        """End the sessions that are in a transaction."""
        self.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'")

    def _start(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        user = NOBODY if os.geteuid() == 0 else None
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [self.programs / program, *words],
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


@contextmanager
def running_server() -> Iterator[Server]:
    """A server with no tables. Fails where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert found, "no PostgreSQL server: run `make setup`"
    # Not tmp_path: another user has to get into it, and the path of a socket is short.
    folder = Path(tempfile.mkdtemp(prefix="codeopen-pg-"))
    server = Server(found[-1].parent, folder)
    try:
        server.create()
        server.start()
        yield server
        server.stop()
    finally:
        if server.process is not None and server.process.poll() is None:
            server.stop(signal.SIGQUIT)
        shutil.rmtree(folder)
