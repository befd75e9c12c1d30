from __future__ import annotations

import pytest

from codeopen.environment.native import native_platform


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ("x86_64", "linux/amd64"),
        ("AMD64", "linux/amd64"),
        ("aarch64", "linux/arm64"),
        ("arm64", "linux/arm64"),
        ("riscv64", "linux/amd64"),
        ("", "linux/amd64"),
    ],
)
def test_a_machine_runs_images_of_its_processor(machine: str, expected: str) -> None:
    assert native_platform(machine) == expected
