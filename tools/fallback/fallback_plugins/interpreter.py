"""Which Python a program runs with, and the environment that its virtual environment asks for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from provider.protocol.values import from_struct

DEFAULT_ENVIRONMENTS = (".venv", "venv")


def find_interpreter(info: Any) -> Path:
    """The interpreter for a program or plugin, by the rules of ``runtime.options`` in its project file.

    ``virtualenv`` names a virtual environment, relative to the project. Without it: the environment that ``uv`` or
    ``poetry`` would use in the folder, else ``PULUMI_PYTHON_CMD``, else ``python3`` on PATH.

    Raises FileNotFoundError when the virtual environment isn't there.
    """
    options = from_struct(info.options)
    root = Path(info.root_directory or ".")
    if virtualenv := options.get("virtualenv"):
        interpreter = root / str(virtualenv) / "bin" / "python"
        if not interpreter.exists():
            raise FileNotFoundError(
                f"the virtual environment {virtualenv!r} of {root}/Pulumi.yaml doesn't exist; run: make setup"
            )
        return interpreter
    for folder in (Path(info.program_directory or root), root):
        for name in DEFAULT_ENVIRONMENTS if options.get("toolchain") else ():
            if (folder / name / "bin" / "python").exists():
                return folder / name / "bin" / "python"
    command = os.environ.get("PULUMI_PYTHON_CMD", "python3")
    found = shutil.which(command)
    if found is None:
        raise FileNotFoundError(f"no {command} on PATH; install Python 3.11 or newer")
    return Path(found)


def activated(environment: Mapping[str, str], interpreter: Path) -> dict[str, str]:
    """The environment as an activated virtual environment has it, so that child processes find the same tools."""
    folder = interpreter.parent.parent
    if not (folder / "pyvenv.cfg").exists():
        return dict(environment)
    path = os.pathsep.join([str(interpreter.parent), environment.get("PATH", "")])
    kept = {name: value for name, value in environment.items() if name != "PYTHONHOME"}
    return {**kept, "PATH": path, "VIRTUAL_ENV": str(folder)}
