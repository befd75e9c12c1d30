"""What `make bench` runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.composing.__main__ import main
from tests.live import ROOT


def test_bench_is_all_of_it() -> None:
    words = ["make", "--dry-run", "bench", "JSON=out/figures.json"]
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    modules = ["bench.run --json out/figures.json", "bench.composing --if-kept --json out/figures.composing.json"]
    assert [module for module in modules if f"python -m {module}" not in told] == []
    assert "python -m bench.projects --sizes 3 6" in told
    assert "--json out/figures.projects.json" in told


@pytest.mark.parametrize("script", ["exit 1", "echo false", None])
def test_without_parts_it_says_what_to_run_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], script: str | None
) -> None:
    if script:
        (tmp_path / "docker").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    main(["--stack", "offline", "--if-kept"])
    assert "run `codeopen part test --keep` first, then `make bench-compose`" in capsys.readouterr().out
    with pytest.raises((SystemExit, FileNotFoundError)):
        main(["--stack", "offline"])
