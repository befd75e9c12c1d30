"""Who is who in a test's cluster: the server's certificate, users with tokens, and their kubeconfigs."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class User:
    """A user that the API server knows by a token; what it may do is up to its groups and RBAC."""

    name: str
    groups: tuple[str, ...] = ()


ADMIN = User("admin", ("system:masters",))
CONTROLLERS = User("system:kube-controller-manager")
SCHEDULER = User("system:kube-scheduler")


def write_certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """A self-signed certificate of the API server and its key, which signs service accounts' tokens too."""
    certificate, key = folder / "server.crt", folder / "server.key"
    names = f"subjectAltName=IP:{address},IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc,IP:10.96.0.1"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "30", "-subj", "/CN=kube-apiserver", "-addext", names, "-out", str(certificate)]
    try:
        subprocess.run([*command, "-keyout", str(key)], check=True, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.fail("no openssl; run: python3 tools/setup/set_up.py --also cluster", pytrace=False)
    return certificate, key


def write_users(folder: Path, server: str, certificate: Path, users: Mapping[str, User]) -> Path:
    """The API server's file of tokens, made anew; each user's kubeconfig is ``<its key>.kubeconfig``."""
    lines = []
    for file, user in users.items():
        token = secrets.token_urlsafe(24)
        groups = ",".join(user.groups)
        lines.append(f'{token},{user.name},{user.name},"{groups}"\n')
        write_kubeconfig(folder / f"{file}.kubeconfig", server, certificate, token)
    tokens = folder / "tokens.csv"
    tokens.write_text("".join(lines))
    tokens.chmod(0o600)
    return tokens


def write_kubeconfig(file: Path, server: str, certificate: Path, token: str) -> None:
    """JSON is YAML too. Of a server with plain HTTP no client would use the token."""
    cluster = {"server": server, "certificate-authority": str(certificate)}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    file.write_text(json.dumps(content))
    file.chmod(0o600)
