from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
FALLBACK = CHECKOUT / "tools" / "fallback"
FAKE_PULUMI = """#!/bin/sh
echo "$@" > "$PULUMI_HOME/arguments"
folder=$PULUMI_HOME/plugins/resource-$4-$5
mkdir -p "$folder"
while [ "$1" != --file ]; do shift; done
tar -xzf "$2" -C "$folder"
"""


def install(home: Path, *arguments: str | Path) -> str:
    command = [sys.executable, FALLBACK / "install.py", *arguments]
    environment = {**os.environ, "PULUMI_HOME": str(home)}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def test_the_language_host_lies_beside_the_cli_with_its_scripts(tmp_path: Path) -> None:
    sdk, folder, odd = tmp_path / "sdk", tmp_path / "bin", tmp_path / "a folder with 'quotes'"
    for name, script in (("cmd", "pulumi-language-python-exec"), ("dist", "pulumi-resource-pulumi-python")):
        (sdk / name).mkdir(parents=True)
        (sdk / name / script).write_text(f"# {script}\n")
        (sdk / name / script).chmod(0o444)
    folder.mkdir()
    launcher = odd / "tools" / "fallback" / "run_plugin.py"
    launcher.parent.mkdir(parents=True)
    launcher.write_text("import sys\nprint(sys.argv[1:])\n")
    options = ("--sdk-python", sdk, "--bin", folder, "--python", sys.executable, "--plugins", odd)
    for _ in range(2):  # a second time over the first
        install(tmp_path, "language-host", *options)
    assert {path.name for path in folder.iterdir()} == {
        "pulumi-language-python",
        "pulumi-language-python-exec",
        "pulumi-resource-pulumi-python",
    }
    started = subprocess.run([folder / "pulumi-language-python", "ADDRESS"], capture_output=True, text=True, check=True)
    assert started.stdout == f"{['language', str(folder / 'pulumi-language-python-exec'), 'ADDRESS']}\n"


@pytest.mark.parametrize(("name", "version"), [("docker", "5.2.0"), ("kubernetes", "4.34.2")])
def test_a_fallback_is_told_from_an_official_plugin(tmp_path: Path, name: str, version: str) -> None:
    pulumi = tmp_path / "pulumi"
    pulumi.write_text(FAKE_PULUMI)
    pulumi.chmod(0o755)
    assert install(tmp_path, f"{name}-state") == "absent"
    options = ("--pulumi", pulumi, "--python", sys.executable, "--plugins", CHECKOUT)
    install(tmp_path, f"{name}-fallback", *options)
    assert (tmp_path / "arguments").read_text().startswith(f"plugin install resource {name} v{version} --file")
    assert install(tmp_path, f"{name}-state") == "fallback"
    install(tmp_path, f"remove-{name}-fallback")
    assert install(tmp_path, f"{name}-state") == "absent"


def test_an_official_plugin_is_never_removed(tmp_path: Path) -> None:
    folder = tmp_path / "plugins" / "resource-docker-v5.2.0"
    folder.mkdir(parents=True)
    (folder / "pulumi-resource-docker").write_text("official")
    assert install(tmp_path, "docker-state") == "official"
    install(tmp_path, "remove-docker-fallback")
    assert (folder / "pulumi-resource-docker").exists()


@pytest.mark.parametrize("arguments", [[], ["docker"], ["nonsense", "ADDRESS"], ["codeopen", "ADDRESS"]])
def test_a_wrong_start_by_hand_explains_itself(arguments: list[str]) -> None:
    command = [sys.executable, str(FALLBACK / "run_plugin.py"), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert "usage" in result.stderr
