#!/usr/bin/python3
"""Starts a Python project that runs with the image's packages, without network.

codeopen-new calls it by a link named after the framework, /opt/codeopen/starters/<framework>, with a directory that
does not exist yet or is empty. The flavors python and fullstack link to it.
"""

import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

FASTAPI = """from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def hello() -> dict[str, str]:
    return {"message": "Hello from FastAPI"}
"""
FLASK = """from flask import Flask

app = Flask(__name__)


@app.get("/")
def hello() -> str:
    return "Hello from Flask"
"""
# What a project depends on, its files beside pyproject.toml, and the command that serves it.
STARTERS = {
    "django": (["django"], {}, "python manage.py migrate && python manage.py runserver 0.0.0.0:8000"),
    "fastapi": (["fastapi[standard-no-fastapi-cloud-cli]"], {"main.py": FASTAPI}, "fastapi dev --host 0.0.0.0"),
    "flask": (["flask"], {"app.py": FLASK}, "flask run --debug --host 0.0.0.0"),
}
PROJECT = """[project]
name = "{name}"
version = "0.1.0"
requires-python = ">={python}"
dependencies = [{dependencies}]
"""
IGNORED = "__pycache__/\n.venv/\ndb.sqlite3\n"


def describe_project(target: Path, dependencies: list[str]) -> str:
    """The project's pyproject.toml, which asks for at least the versions that the image has."""
    project = re.sub(r"[^a-z0-9]+", "-", target.name.lower()).strip("-")
    if not project or project in STARTERS:
        project = f"{project}-project".lstrip("-")  # no project depends on its own name
    versions = [f'"{name}>={version(name.partition("[")[0])}"' for name in dependencies]
    return PROJECT.format(
        name=project,
        python=".".join(map(str, sys.version_info[:2])),
        dependencies=", ".join(versions),
    )


def main() -> int:
    framework = Path(sys.argv[0]).name
    if framework not in STARTERS or len(sys.argv) != 2:  # noqa: PLR2004
        print(f"usage: {'|'.join(STARTERS)} DIRECTORY", file=sys.stderr)
        return 2
    target = Path(sys.argv[1]).resolve()
    target.mkdir(parents=True, exist_ok=True)
    dependencies, files, serve = STARTERS[framework]
    if framework == "django":
        # Its package has a name that suits any directory.
        subprocess.run([sys.executable, "-m", "django", "startproject", "config", str(target)], check=True)
    files = {"pyproject.toml": describe_project(target, dependencies), ".gitignore": IGNORED, **files}
    for name, text in files.items():
        (target / name).write_text(text)
    print(f"Made {target}. It runs with the image's packages, without network:\n")
    print(f"    cd {shlex.quote(sys.argv[1])}\n    {serve}\n")
    print("With network, `uv sync` gives it an environment of its own (.venv) from pyproject.toml.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
