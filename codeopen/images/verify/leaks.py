"""Recognises credentials: in texts of an image's configuration, and in files.

Shapes are those that their makers publish. Where a rule would trip over harmless files of every image, it is silent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

# What services give out, by a shape that hardly anything else has.
_TOKENS: Final = (
    ("an AWS access key", rb"\bAKIA[0-9A-Z]{16}\b"),
    ("a GitHub token", rb"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})\b"),
    ("a GitLab token", rb"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("an npm token", rb"\bnpm_[A-Za-z0-9]{36}\b"),
    ("a PyPI token", rb"\bpypi-AgE[A-Za-z0-9_-]{50,}"),
    ("a Slack token", rb"\bxox[abprs]-[A-Za-z0-9-]{20,}"),
    ("a Google API key", rb"\bAIza[0-9A-Za-z_-]{35}\b"),
    ("an API key", rb"\bsk-[A-Za-z0-9_-]{32,}"),
    ("a login in an address", rb"(?<=[a-z0-9])://[^\s/:@$\"'<>{}]{1,200}:[^\s/:@$\"'<>{}]{1,200}@[A-Za-z0-9]"),
)
_TOKEN_PATTERNS: Final = tuple((what, re.compile(pattern)) for what, pattern in _TOKENS)
# A whole key, not the mention of one: its first line of Base64 follows.
_PRIVATE_KEY: Final = re.compile(
    rb"^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----\r?\n(?:[A-Za-z-]+: .*\r?\n|\r?\n)*[A-Za-z0-9+/=]{40,}\r?$",
    re.MULTILINE,
)
# Files that programs keep a login in, and what shows that one is there.
_LOGIN_FILES: Final = (
    (re.compile(r"/\.npmrc$"), re.compile(rb"(?i)_(?:auth|authToken|password)\s*=")),
    (re.compile(r"/\.yarnrc(?:\.yml)?$"), re.compile(rb"(?i)npmAuth(?:Token|Ident)\s*:")),
    (re.compile(r"/(?:\.pypirc|\.netrc|_netrc)$"), re.compile(rb"(?i)\bpassword\b")),
    (re.compile(r"/\.git-credentials$"), re.compile(rb"\S")),
    (re.compile(r"/\.pgpass$"), re.compile(rb"\S")),
    (re.compile(r"/\.docker/config\.json$"), re.compile(rb'"auth"')),
    (re.compile(r"/\.aws/credentials$"), re.compile(rb"(?i)aws_secret_access_key")),
    (re.compile(r"/\.cargo/credentials(?:\.toml)?$"), re.compile(rb"(?i)token")),
    (re.compile(r"/\.ssh/id_[a-z0-9]+$"), re.compile(rb"\S")),
)
# Where people and programs of ours write; packages' documents and tests are full of made-up tokens.
_OWN_PLACES: Final = (
    "/etc/",
    "/home/",
    "/root/",
    "/run/",
    "/srv/",
    "/tmp/",
    "/usr/local/etc/",
    "/usr/local/lib/codeopen/",
)
_NAME: Final = re.compile(
    r"(?i)(?:^|_)(?:password|passwd|passphrase|secret|token|api_?key|access_?key|private_?key|credentials?)$"
)
_ASSIGNMENT: Final = re.compile(r"""(?<![\w$-])([A-Za-z_][A-Za-z0-9_]*)=("[^"]+"|'[^']+'|[^\s"'$;&|]+)""")


def find_secret(path: str, content: bytes) -> str:
    """What looks like a credential in a file's content; empty where nothing does."""
    if b"PRIVATE KEY-----" in content and _PRIVATE_KEY.search(content):
        return "a private key"
    for name, sign in _LOGIN_FILES:
        if name.search(path) and sign.search(content):
            return "a login"
    if path.startswith(_OWN_PLACES):
        return next((what for what, pattern in _TOKEN_PATTERNS if pattern.search(content)), "")
    return ""


def find_in_value(name: str, value: str) -> str:
    """What looks like a credential in a variable or a label; empty where nothing does."""
    if value and _NAME.search(name):
        return "a value under the name of a credential"
    return _find_token(value)


def find_in_command(text: str) -> Iterator[str]:
    """What looks like a credential in a command of an image's history."""
    for name, value in _ASSIGNMENT.findall(text):
        if _NAME.search(name) and value.strip("\"'"):
            yield f"a value of {name}"
    if found := _find_token(text):
        yield found


def _find_token(text: str) -> str:
    content = text.encode()
    if _PRIVATE_KEY.search(content):
        return "a private key"
    return next((what for what, pattern in _TOKEN_PATTERNS if pattern.search(content)), "")
