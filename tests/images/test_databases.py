"""The add-on's clients speak with real servers, which run beside them in a container without network."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from codeopen.images.verify.container import Container, Ran, started
from codeopen.images.verify.running import IDLE
from tests.images.trials import Trials

pytestmark = pytest.mark.heavy
PASSWORD = "of-this-test"
# Each in the background, and each with its data in a folder that ends with the container.
SERVERS = {
    "postgresql": (
        f"set -e; bin=$(ls -d /usr/lib/postgresql/*/bin); echo {PASSWORD} >/tmp/password; "
        "$bin/initdb -D /tmp/postgresql -U shop -A scram-sha-256 --pwfile /tmp/password >/tmp/initdb.log; "
        "$bin/pg_ctl -w -D /tmp/postgresql -l /tmp/postgresql.log -o '-k /tmp -p 5433' start"
    ),
    "redis": f"redis-server --port 6380 --requirepass {PASSWORD} --dir /tmp --daemonize yes",
    "mongodb": (
        "nohup /opt/servers/python/bin/secantusd-py --host 127.0.0.1 --port 27018 --storage-path :memory: "
        ">/tmp/mongodb.log 2>&1 &"
    ),
}
POSTGRESQL = f"postgresql://shop:{PASSWORD}@127.0.0.1:5433/postgres"
MONGODB = "mongodb://127.0.0.1:27018/shop"


@pytest.fixture(scope="module")
def servers(trials: Trials, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    context = tmp_path_factory.mktemp("servers") / "context"
    shutil.copytree(Path(__file__).parent / "database_servers", context)
    reference = trials.build_on(trials.image("addon-databases"), context, "servers")
    with started(reference, trials.surroundings(), *IDLE) as container:
        for name, script in SERVERS.items():
            ran = container.run("bash", "-c", script)
            assert ran.code == 0, f"{name}: {ran.output}{ran.errors}"
        yield container
    subprocess.run(["docker", "image", "rm", reference], check=False, capture_output=True)


def ask(container: Container, *command: str) -> str:
    ran: Ran = container.run(*command)
    assert ran.code == 0, f"{' '.join(command)}\n{ran.output}{ran.errors}"
    return ran.output.strip()


def test_psql_reads_what_it_wrote(servers: Container) -> None:
    table = "create table goods (name text, price int); insert into goods values ('lamp', 40), ('chair', 2)"
    ask(servers, "psql", POSTGRESQL, "-q", "-v", "ON_ERROR_STOP=1", "-c", table)
    assert ask(servers, "psql", POSTGRESQL, "-At", "-c", "select sum(price) from goods") == "42"
    assert ask(servers, "pg_dump", POSTGRESQL, "--table", "goods").count("lamp\t40") == 1


def test_psql_is_refused_with_a_wrong_password(servers: Container) -> None:
    ran = servers.run("psql", POSTGRESQL.replace(PASSWORD, "wrong"), "-c", "select 1")
    assert "password authentication failed" in ran.errors


def test_redis_cli_reads_what_it_wrote(servers: Container) -> None:
    client = ("env", f"REDISCLI_AUTH={PASSWORD}", "redis-cli", "-p", "6380")
    assert ask(servers, *client, "set", "lamp", "40") == "OK"
    assert ask(servers, *client, "incrby", "lamp", "2") == "42"
    assert "NOAUTH" in servers.run("redis-cli", "-p", "6380", "get", "lamp").output


def test_mongosh_reads_what_it_wrote(servers: Container) -> None:
    script = (
        "db.goods.insertMany([{name: 'lamp', price: 40}, {name: 'chair', price: 2}]);"
        "print(db.goods.aggregate([{$group: {_id: null, sum: {$sum: '$price'}}}]).toArray()[0].sum)"
    )
    deadline = time.monotonic() + 60
    while (ran := servers.run("mongosh", "--quiet", MONGODB, "--eval", script)).code:
        assert time.monotonic() < deadline, ran.errors
    assert ran.output.split()[-1] == "42"
