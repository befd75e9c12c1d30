"""What set-up prepares for tests of the platform on Kubernetes, and only when it's asked to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import go_tools
from cluster_tools import COREDNS, KARPENTER, KUBELET, KUBERNETES, KWOK, TRAEFIK
from extras import Extra
from go_tools import GoTool
from paths import Paths
from set_up import MACHINES, list_steps, main
from tests.unit.stand_ins import StandIns

CHECKOUT = Path(__file__).parents[3]
TOOLS = [KUBERNETES, KUBELET, KWOK, KARPENTER, TRAEFIK, COREDNS]
LIGHT = ["Kubernetes", "kwok"]
FULL = [*LIGHT, "Karpenter", "kubelet", "Traefik", "CoreDNS"]


@pytest.fixture
def paths(tmp_path: Path, stand_ins: StandIns) -> Paths:
    stand_ins.put("docker", "exit 1")
    return Paths(CHECKOUT, tmp_path / "home")


@pytest.mark.parametrize("kind", sorted(MACHINES))
@pytest.mark.parametrize(("also", "titles"), [(Extra.CLUSTER, LIGHT), (Extra.CLUSTER_FULL, FULL)])
def test_a_cluster_comes_on_top_on_every_machine(paths: Paths, kind: str, also: Extra, titles: list[str]) -> None:
    plain = [step.title for step in list_steps(paths, MACHINES[kind])]
    steps = list_steps(paths, MACHINES[kind], also)
    assert [step.title for step in steps] == [*plain[:-1], *titles, plain[-1]]
    plans = {step.title: step.plan for step in steps}
    assert plans["Kubernetes"] == "compile v1.34.0 from Go modules"


def test_packages_of_a_full_cluster_are_named_once(paths: Paths, stand_ins: StandIns) -> None:
    for program in ("containerd", "runc", "conntrack", "iptables", "openssl"):
        stand_ins.put(program)
    wanted = list_steps(paths, MACHINES["registry-only"], Extra.CLUSTER_FULL)[0]
    named = (wanted.found() or "").split(", ")
    assert len(named) == len(set(named))


def test_what_is_asked_for_is_a_word_of_the_command_line(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(paths.home))
    assert main(["--dry-run", "--machine", "ordinary", "--also", "cluster"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^  Kubernetes +would: compile v1.34.0", printed, re.MULTILINE)
    assert "Traefik" not in printed
    with pytest.raises(SystemExit):
        main(["--also", "everything"])


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.binaries[0][0])
def test_a_tools_version_is_what_its_module_requires(tool: GoTool) -> None:
    source = CHECKOUT / "tools" / "go" / tool.module
    required = dict(re.findall(r"^(?:require )?\s*(\S+) (v\S+)", (source / "go.mod").read_text(), re.MULTILINE))
    package = tool.binaries[-1][1]
    (module,) = [name for name in required if package == name or package.startswith(f"{name}/")]
    assert required[module] == tool.version
    imported = re.findall(r'_ "(.*)"', (source / "tools.go").read_text())
    assert {package for _, package in tool.binaries} <= set(imported)
    assert {module for module, _, _ in tool.copies} <= {module}


def test_the_kubelet_is_compiled_apart_from_the_same_module(paths: Paths) -> None:
    assert go_tools.directory(paths, KUBELET) != go_tools.directory(paths, KUBERNETES)


def test_every_stamp_is_a_flag_of_the_linker(paths: Paths, stand_ins: StandIns) -> None:
    stand_ins.put("go", go_that_compiles())
    go_tools.step(paths, KUBELET, "kubelet").run()
    (build,) = [call for call in stand_ins.calls if call.startswith("go build")]
    for stamp in ("gitVersion=v1.34.0", "gitMajor=1", "gitMinor=34"):
        assert f"-X k8s.io/component-base/version.{stamp}" in build
    assert "-toolexec nice -n 5" in build


def test_files_of_a_module_are_kept_beside_its_binary(paths: Paths, stand_ins: StandIns, tmp_path: Path) -> None:
    module = tmp_path / "module"
    for _, source, _ in KARPENTER.copies:
        (module / source).parent.mkdir(parents=True, exist_ok=True)
        (module / source).write_text(source)
    stand_ins.put("go", go_that_compiles(module))
    go_tools.step(paths, KARPENTER, "Karpenter").run()
    folder = go_tools.directory(paths, KARPENTER)
    assert (folder / "karpenter").is_file()
    assert (folder / "crds" / "karpenter.sh_nodepools.yaml").read_text() == "pkg/apis/crds/karpenter.sh_nodepools.yaml"
    assert len(list((folder / "kwok-crds").iterdir())) == 4


def go_that_compiles(module: Path = Path("/nowhere")) -> str:
    return f"""case "$1" in
  env) echo '{{"GOVERSION": "go1.26.0"}}' ;;
  build) while [ "$1" != -o ]; do shift; done; echo compiled >"$2" ;;
  list) echo '{module}' ;;
esac"""
