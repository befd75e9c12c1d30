"""Every command that a page names exists: ``codeopen`` with its options, ``make`` with its targets, files of tests.

Blocks are parsed by the command line itself; inline commands are often incomplete, so their words and options are
looked up.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from codeopen.cli.commands import COMMANDS
from codeopen.cli.parser import make_parser
from tests.live import ROOT
from tests.tracked import tracked

PAGES = [
    *tracked(ROOT / "docs", "*.md"),
    *tracked(ROOT / "dockerfiles", "README.md"),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
]
BLOCK = re.compile(r"^```sh$\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
# A command ends where the shell's next one, a redirection or a comment begins.
CODEOPEN = re.compile(r"(?:^|[\s(;|&])codeopen ((?:'[^']*'|\"[^\"]*\"|[^|>&;#)'\"\n])*)", re.MULTILINE)
MAKE = re.compile(r"(?:^|[\s(;|&])make ([a-z][a-z-]*)", re.MULTILINE)


def problems(text: str) -> Iterator[str]:
    """What a page names and the project lacks."""
    blocks = "\n".join(BLOCK.findall(text)).replace("\\\n", " ")
    inline = "\n".join(
        " ".join(code.split()) for code in INLINE.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    )
    for words in CODEOPEN.findall(blocks):
        # `…` stands for more of the same.
        given = [word for word in shlex.split(words) if word != "…"]
        try:
            make_parser().parse_args(given)
        except SystemExit:
            yield f"codeopen {words.strip()}"
    for words in re.findall(r"^codeopen (.*)$", inline, re.MULTILINE):
        if not _is_known(words.split()):
            yield f"codeopen {words}"
    targets = set(MAKE.findall(blocks)) | set(re.findall(r"^make ([a-z][a-z-]*)", inline, re.MULTILINE))
    for target in sorted(targets):
        made = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, check=False)
        if made.returncode:
            yield f"make {target}"
    for file in re.findall(r"^(?:python|pytest|bash) (?:-\w+ )*([\w./-]+/[\w./-]+)", blocks, re.MULTILINE):
        if not (ROOT / file).exists():
            yield file


def _is_known(words: list[str]) -> bool:
    words = [word for word in words if word != "…"]
    found = [command for command in COMMANDS if list(command.words[: len(words)]) == words[: len(command.words)]]
    if not found:
        return not words or words[0].startswith("--")
    parser = argparse.ArgumentParser()
    for argument in found[0].arguments:
        argument(parser)
    options = {word.partition("=")[0] for word in words if word.startswith("--")} - {"--format", "--catalog"}
    return all(re.search(rf"(?<![\w-]){option}(?![\w-])", parser.format_help()) for option in options)


@pytest.fixture(autouse=True)
def _stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEOPEN_STACK", "offline")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_a_page_exist(page: Path) -> None:
    assert list(problems(page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "text",
    [
        "```sh\ncodeopen plan combination\n```",
        "```sh\nstatus=0\ncodeopen upstream update --chek yarn >file || status=$?\n```",
        "```sh\ncodeopen resolve --tier builder \\\n  --flavour js\n```",
        "Run `codeopen registry purge`.",
        "Run `codeopen registry prune --aply` at night.",
        "```sh\nmake bonch\n```",
        "Run `make bonch`.",
        "```sh\npytest tests/unit/nothing\n```",
    ],
)
def test_a_command_that_does_not_exist_is_found(text: str) -> None:
    assert len(list(problems(text))) == 1


def test_the_pages_have_commands() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert len(CODEOPEN.findall("\n".join(BLOCK.findall(text)))) > 60
