"""What looks like a credential, and what only resembles one. The credentials here are made up."""

from __future__ import annotations

import time

import pytest

from codeopen.images.verify.leaks import find_in_command, find_in_value, find_secret

BASE64 = b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ"
PLAIN = b"-----BEGIN PRIVATE KEY-----\n" + BASE64 + b"\n"
ENCRYPTED = (
    b"# comment\r\n-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\nDEK-Info: AES\r\n\r\n"
    + BASE64
    + b"\r\n"
)
GITHUB = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize(
    ("path", "content", "found"),
    [
        ("/opt/x/server.key", PLAIN, "a private key"),
        ("/opt/x/old.key", ENCRYPTED, "a private key"),
        ("/opt/x/open.key", b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + BASE64 + b"\n", "a private key"),
        ("/usr/lib/x.js", b'"-----BEGIN PRIVATE KEY-----\\n" + body', ""),
        ("/usr/share/doc/x", b"-----BEGIN PRIVATE KEY-----\n...\n", ""),
        ("/usr/share/x.pem", b"-----BEGIN CERTIFICATE-----\n" + BASE64 + b"\n", ""),
        ("/root/.npmrc", b"//registry.example.com/:_authToken=x\n", "a login"),
        ("/root/.npmrc", b"fund=false\n", ""),
        ("/home/developer/.pypirc", b"[pypi]\npassword = x\n", "a login"),
        ("/root/.netrc", b"machine example.org login me password x\n", "a login"),
        ("/opt/x/my.netrc", b"machine example.org login me password x\n", ""),
        ("/root/.git-credentials", b"https://me@example.org\n", "a login"),
        ("/root/.git-credentials", b"\n", ""),
        ("/root/.docker/config.json", b'{"auths": {"x": {"auth": "eA=="}}}', "a login"),
        ("/root/.docker/config.json", b'{"auths": {}}', ""),
        ("/root/.aws/credentials", b"[default]\naws_secret_access_key = x\n", "a login"),
        ("/root/.cargo/credentials.toml", b'[registry]\ntoken = "x"\n', "a login"),
        ("/root/.ssh/id_ed25519", b"anything", "a login"),
        ("/root/.ssh/id_ed25519.pub", b"ssh-ed25519 AAAA", ""),
        ("/root/.pgpass", b"host:5432:db:me:x", "a login"),
        ("/etc/app.conf", f"token: {GITHUB}\n".encode(), "a GitHub token"),
        ("/usr/lib/python3/tests.py", f"token: {GITHUB}\n".encode(), ""),
        ("/etc/app.conf", b"key = AKIAABCDEFGHIJKLMNOP\n", "an AWS access key"),
        ("/etc/app.conf", b"url = postgres://me:pass@db.example.org/x\n", "a login in an address"),
        ("/etc/app.conf", b"url = https://example.org/a:b@c\n", ""),
        ("/etc/app.conf", b"url = http://$USER:$PASSWORD@example.org\n", ""),
    ],
)
def test_files(path: str, content: bytes, found: str) -> None:
    assert find_secret(path, content) == found


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("API_TOKEN", "x", "a value under the name of a credential"),
        ("password", "x", "a value under the name of a credential"),
        ("DB_PASSWORD", "", ""),
        ("AWS_SECRET_ACCESS_KEY", "x", "a value under the name of a credential"),
        ("TOKENIZERS_PARALLELISM", "false", ""),
        ("NODE_EXTRA_CA_CERTS", "/etc/ssl/certs/ca-certificates.crt", ""),
        ("NOTE", GITHUB, "a GitHub token"),
        ("PATH", "/usr/bin:/bin", ""),
    ],
)
def test_variables_and_labels(name: str, value: str, found: str) -> None:
    assert find_in_value(name, value) == found


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("ARG NPM_TOKEN=abc", ["a value of NPM_TOKEN"]),
        ("RUN |1 DB_PASSWORD=abc /bin/sh -c make", ["a value of DB_PASSWORD"]),
        ('RUN /bin/sh -c PASSWORD="$(cat /run/secrets/x)" make', ["a value of PASSWORD"]),
        ("RUN /bin/sh -c PASSWORD=$GIVEN make", []),
        ("ARG NPM_TOKEN", []),
        ("ENV OPENCODE_PORT=4096 CODE_SERVER_AUTH=none", []),
        ("RUN --mount=type=secret,id=token make", []),
        (f"RUN curl -H 'Authorization: {GITHUB}' x", ["a GitHub token"]),
        ("COPY a b # buildkit", []),
    ],
)
def test_commands_of_the_history(command: str, found: list[str]) -> None:
    assert list(find_in_command(command)) == found


@pytest.mark.parametrize("text", [b"x" * 1_000_000, b"ab=" * 300_000, b"://a:" * 200_000, b"-----BEGIN " * 90_000])
def test_large_files_take_no_time(text: bytes) -> None:
    start = time.process_time()
    find_secret("/etc/large", text + b" PRIVATE KEY-----")
    assert time.process_time() - start < 2
