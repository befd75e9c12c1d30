"""The service as its users start it: the commands, a real server, and a tester that reads its document."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, text

from codeopen.cli.main import main
from codeopen.service.database.opening import Database
from tests.service.processes import ROOT, environment, served

Run = Callable[..., str]


@pytest.fixture
def codeopen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line, in this process: what it printed, and on stderr where it failed as it was to."""
    monkeypatch.chdir(ROOT)

    def run(env: dict[str, str], *words: str, code: int = 0) -> str:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        found = main(words)
        printed = capsys.readouterr()
        assert found == code, printed.err
        return printed.out if code == 0 else printed.err

    return run


def test_from_nothing_to_a_project(codeopen: Run, tmp_path: Path) -> None:
    env = environment(tmp_path)
    token = codeopen(env, "token", "create", "--owner", "ann", "--format", "text").strip()
    assert token.startswith("cot_")
    with served(env, tmp_path) as service:
        url = service.url
        headers = {"Authorization": f"Bearer {token}", "X-Request-Id": "from-the-test"}
        made = httpx.post(f"{url}/api/projects", json={"name": "one"}, headers=headers).json()
        assert made["owner"] == "ann"
        entries = json.loads(codeopen(env, "audit", "--subject", made["id"], "--format", "json"))
        assert [(each["action"], each["request_id"]) for each in entries] == [("project.create", "from-the-test")]
        (listed,) = json.loads(codeopen(env, "token", "list", "--format", "json"))
        codeopen(env, "token", "revoke", listed["id"])
        assert httpx.get(f"{url}/api/projects", headers=headers).status_code == 401
    log = (tmp_path / "service.log").read_text()
    assert '"request_id": "from-the-test"' in log
    assert token not in log
    assert (tmp_path / "data/codeopen/service/offline/service.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("service", "run", "--anonymous", "--host", "0.0.0.0"), 4, "--anonymous lets everybody in"),  # noqa: S104
        (("service", "run", "--port", "0"), 2, "this is no TCP port"),
        (("token", "revoke", "none"), 5, "there is none of that id"),
        (("token", "create", "--owner", "a", "--expires", "0"), 2, "give days"),
        (("audit", "--last", "0"), 2, "give a number"),
        (("migrate", "legacy", "--undo", "--dry-run"), 2, "--undo goes with neither"),
        (("migrate", "legacy"), 4, "not the old product's database"),
        (("service", "upgrade", "--database", "mysql://x"), 7, "only sqlite and postgresql"),
    ],
)
def test_mistakes_are_told(codeopen: Run, words: tuple[str, ...], code: int, told: str, tmp_path: Path) -> None:
    assert told in codeopen(environment(tmp_path), *words, code=code)


def test_the_old_product_s_projects(codeopen: Run, bare: Database, tmp_path: Path) -> None:
    def old(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE projects (id TEXT PRIMARY KEY, name TEXT, container_tier_id TEXT)"))
        connection.execute(text("INSERT INTO projects VALUES ('a', 'one', 'desktop'), ('b', 'two', 'gone')"))

    bare.change(old)
    env = environment(tmp_path, bare)
    assert "doesn't map: 'gone' (1 projects)" in codeopen(env, "migrate", "legacy", code=4)
    dry = json.loads(codeopen(env, "migrate", "legacy", "--unknown", "starter", "--dry-run", "--format", "json"))
    assert (dry["rows"], dry["applied"]) == ({"desktop": 1, "gone": 1}, False)
    done = json.loads(codeopen(env, "migrate", "legacy", "--unknown", "starter", "--format", "json"))
    assert done == {**dry, "applied": True}
    with bare.read() as connection:
        rows = connection.execute(text("SELECT resource_tier_id, flavor_id, addon_ids FROM projects ORDER BY id")).all()
    assert rows == [("power", "polyglot", '["gui"]'), ("starter", "polyglot", "[]")]
    undone = json.loads(codeopen(env, "migrate", "legacy", "--undo", "--format", "json"))
    assert undone == {"rows": 2, "changed_since": 0}


def _tested(codeopen: Run, database: Database, folder: Path, examples: int) -> None:
    env = environment(folder, database)
    token = codeopen(env, "token", "create", "--owner", "ann", "--role", "admin", "--format", "text").strip()
    (folder / "openapi.json").write_text(codeopen(env, "service", "openapi"))
    with served(env, folder, "--rate", "100000/second") as service:
        run = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", ROOT / "tests/service/schemathesis.toml"),
                *("run", folder / "openapi.json", "--url", service.url, "--header", f"Authorization: Bearer {token}"),
                # A stream has no end that a tester waits for; test_api.py has its tests.
                *("--exclude-operation-id", "streamProjectEvents", "--max-examples", str(examples), "--seed", "1"),
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
        assert "Stateful" in run.stdout


def test_the_document_is_kept(codeopen: Run, database: Database, tmp_path: Path) -> None:
    _tested(codeopen, database, tmp_path, 3)


@pytest.mark.heavy
def test_the_document_is_kept_at_length(codeopen: Run, database: Database, tmp_path: Path) -> None:
    _tested(codeopen, database, tmp_path, 60)


def test_the_page_is_followed(codeopen: Run, database: Database, tmp_path: Path) -> None:
    """The commands of docs/how-to/use-the-api.md, one after the other, in one shell."""
    page = (ROOT / "docs/how-to/use-the-api.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert blocks[0].startswith("codeopen service run")
    env = environment(tmp_path, database)
    shell = f'codeopen() {{ (cd "{ROOT}" && "{sys.executable}" -m codeopen.cli "$@"); }}\n'
    with served(env, tmp_path) as service:
        url = service.url
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", shell + "".join(blocks[1:])],
            cwd=tmp_path,
            env={**env, "CODEOPEN_API": url},
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.returncode == 0, run.stderr
    assert '"code": "tier-too-low"' in run.stdout
    assert '["gpu","code-server"]' in run.stdout
    assert "event: hibernate-requested" in run.stdout
    assert run.stdout.rstrip().endswith('"deleting"')
    assert len(json.loads(codeopen(env, "audit", "--format", "json"))) == 7
