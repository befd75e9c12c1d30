"""Logging in to an API server: the TLS context, and the header that a token goes in."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, Final

from provider.kubernetes.kubeconfig import Target
from provider.protocol.errors import PluginError

EXEC_SECONDS: Final = 60
EXPIRY_MARGIN: Final = timedelta(minutes=1)
EXEC_VERSIONS: Final = tuple(f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))


class Login:
    """What a kubeconfig's user stands for; a plugin that it names is run when its credential is first needed."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._lock = Lock()
        self._credential: dict[str, Any] = {}
        self._expires: datetime | None = None

    def headers(self) -> dict[str, str]:
        """The authorization header, where the user has a token. Raises PluginError when a plugin gives none."""
        token = self._target.user.get("token") or self._file("tokenFile").strip() or self._issued().get("token")
        return {"Authorization": f"Bearer {token}"} if token else {}

    def forget(self) -> None:
        """Ask the plugin again at the next request: the server refused what it gave."""
        with self._lock:
            self._credential = {}

    def tls(self) -> ssl.SSLContext:
        """The context with the cluster's authority and the user's certificate."""
        cluster, user = self._target.cluster, self._target.user
        try:
            context = ssl.create_default_context(cadata=self._text(cluster, "certificate-authority") or None)
            if cluster.get("insecure-skip-tls-verify"):
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            issued = self._issued() if user.get("exec") else {}
            certificate = self._text(user, "client-certificate") or issued.get("clientCertificateData", "")
            key = self._text(user, "client-key") or issued.get("clientKeyData", "")
            if certificate:
                _use(context, certificate, key)
        except (OSError, ValueError) as error:
            raise PluginError(
                f"the kubeconfig's certificates for {self._target.server} can't be used: {error}"
            ) from error
        return context

    def _file(self, name: str) -> str:
        path = self._target.user.get(name)
        return Path(path).read_text() if path else ""

    def _text(self, entry: Mapping[str, Any], name: str) -> str:
        if data := entry.get(f"{name}-data"):
            return base64.b64decode(data).decode()
        return Path(entry[name]).read_text() if entry.get(name) else ""

    def _issued(self) -> dict[str, Any]:
        """What the user's credential plugin gave, from memory until it expires."""
        description = self._target.user.get("exec")
        if not description:
            return {}
        with self._lock:
            late = self._expires is not None and datetime.now(UTC) > self._expires - EXPIRY_MARGIN
            if not self._credential or late:
                self._credential = run_plugin(description)
                expires = self._credential.get("expirationTimestamp")
                self._expires = datetime.fromisoformat(expires) if expires else None
            return self._credential


def run_plugin(description: Mapping[str, Any]) -> dict[str, Any]:
    """The ``status`` that a credential plugin prints. Raises PluginError when it fails; its output stays unseen."""
    command = [str(description["command"]), *(str(word) for word in description.get("args") or [])]
    version = description.get("apiVersion")
    if version not in EXEC_VERSIONS:
        raise PluginError(f"the kubeconfig's credential plugin speaks {version}; known: {', '.join(EXEC_VERSIONS)}")
    asked = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
    environment = {each["name"]: each["value"] for each in description.get("env") or []}
    environment["KUBERNETES_EXEC_INFO"] = json.dumps(asked)
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=EXEC_SECONDS,
        )
        status = json.loads(done.stdout)["status"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        hint = description.get("installHint") or "run it by hand to see why"
        raise PluginError(
            f"the kubeconfig's credential plugin {command[0]} gave no credential ({type(error).__name__}); {hint}"
        ) from error
    return dict(status)


def _use(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Load a client certificate; Python takes one from a file only, which is gone again at once."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # readable by this user alone
        file.write(f"{certificate.rstrip()}\n{key}")
        file.flush()
        context.load_cert_chain(file.name)
