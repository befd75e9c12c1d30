"""The in-cluster registry: its objects as values, and its script and configuration with the real registry."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from codeopen.environment.cluster_settings import (
    ClusterSettings,
    IngressSettings,
    ObjectStoreSettings,
    RegistryKind,
    RegistrySettings,
    StoreKind,
)
from codeopen.errors import SettingsError
from codeopen.platform.cluster.objects import Object, SecretValue
from codeopen.platform.cluster.registry.config import CERTIFICATES, DATA, USERS, registry_files
from codeopen.platform.cluster.registry.workload import pull_secret, registry_objects
from tests.live import free_port
from tests.unit.images.registry.real_registry import HTPASSWD, PASSWORD, USERNAME, distribution_3

REGISTRY = RegistrySettings(kind=RegistryKind.IN_CLUSTER, host="registry.example.com", storage="50Gi")
IMAGE = f"docker.io/library/registry:3.0.0@sha256:{'6' * 64}"
S3 = ObjectStoreSettings(StoreKind.S3, "images", region="eu-central-1", identity="arn:aws:iam::1:role/registry")


def objects(**changes: Any) -> dict[str, Object]:
    ingress = IngressSettings("dev.example.com")
    made = registry_objects(ClusterSettings(registry=replace(REGISTRY, **changes), ingress=ingress), IMAGE)
    return {each.key: each for each in made}


def pod(**changes: Any) -> dict[str, Any]:
    spec: dict[str, Any] = objects(**changes)["deployment/registry"].manifest["spec"]["template"]["spec"]
    return spec


def config(**changes: Any) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(registry_files(replace(REGISTRY, **changes))["config.yml"])
    return parsed


def test_a_registry_on_a_claim_has_these_objects() -> None:
    found = objects()
    assert sorted(found) == [
        "configmap/registry-config",
        "deployment/registry",
        "networkpolicy/registry",
        "persistentvolumeclaim/registry",
        "poddisruptionbudget/registry",
        "secret/registry-tls",
        "secret/registry-users",
        "service/registry",
        "serviceaccount/registry",
    ]
    assert {each.namespace for each in found.values()} == {"codeopen-system"}
    claim = found["persistentvolumeclaim/registry"]
    assert claim.retain, "the images outlive the stack"
    assert [each.key for each in found.values() if each.retain] == [claim.key]
    assert claim.manifest["spec"]["resources"]["requests"] == {"storage": "50Gi"}
    assert found["deployment/registry"].manifest["spec"]["strategy"] == {"type": "Recreate"}


def test_the_pod_is_restricted_and_writes_nowhere_else() -> None:
    spec = pod()
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert writable == ["/tmp", DATA]
    assert container["image"] == IMAGE
    assert {"name": "GOMEMLIMIT", "value": "921MiB"} in container["env"]


def test_probes_use_tls_and_need_no_login() -> None:
    (container,) = pod()["containers"]
    probe = {"path": "/", "port": "https", "scheme": "HTTPS"}
    assert container["startupProbe"]["httpGet"] == container["readinessProbe"]["httpGet"] == probe
    assert "tcpSocket" in container["livenessProbe"]


def test_secrets_have_no_values() -> None:
    users = objects()["secret/registry-users"].manifest["stringData"]
    assert users == {"htpasswd": SecretValue("registry-htpasswd"), "http-secret": SecretValue("registry-http-secret")}
    assert all(
        isinstance(value, SecretValue) for value in objects()["secret/registry-tls"].manifest["stringData"].values()
    )
    login = pull_secret("codeopen-demo", "registry-login")
    assert (login.namespace, login.name) == ("codeopen-demo", "registry-login")
    assert login.manifest["type"] == "kubernetes.io/dockerconfigjson"
    assert login.manifest["stringData"] == {".dockerconfigjson": SecretValue("registry-login")}


def peers(settings: ClusterSettings) -> list[str]:
    (policy,) = [each for each in registry_objects(settings, IMAGE) if each.kind == "NetworkPolicy"]
    (rule,) = policy.manifest["spec"]["ingress"]
    return [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in rule["from"]]


@pytest.mark.parametrize(
    ("ingress", "namespace", "admitted"),
    [
        (None, "edge", "edge"),
        (IngressSettings("dev.example.com", namespace="gate"), "", "gate"),
        (IngressSettings("dev.example.com", namespace="gate"), "edge", "edge"),
    ],
)
def test_the_controller_of_its_ingress_is_let_in(
    ingress: IngressSettings | None, namespace: str, admitted: str
) -> None:
    registry = replace(REGISTRY, ingress_class="traefik", ingress_namespace=namespace)
    found = peers(ClusterSettings(registry=registry, ingress=ingress))
    assert found == ["codeopen-system", "codeopen-builder", admitted]


@pytest.mark.parametrize("ingress", [None, IngressSettings("dev.example.com", class_name="nginx", namespace="nginx")])
def test_where_its_controller_is_must_be_known(ingress: IngressSettings | None) -> None:
    settings = ClusterSettings(registry=replace(REGISTRY, ingress_class="traefik"), ingress=ingress)
    with pytest.raises(SettingsError, match=r"codeopen:cluster\.registry\.ingressNamespace is missing; write"):
        registry_objects(settings, IMAGE)


def test_a_certificate_comes_from_an_issuer_or_is_there() -> None:
    issued = objects(issuer="public", host="registry.example.com:443")
    assert "secret/registry-tls" not in issued
    spec = issued["certificate/registry"].manifest["spec"]
    assert (spec["dnsNames"], spec["secretName"]) == (["registry.example.com"], "registry-tls")
    there = objects(tls_secret="wildcard", issuer="public")
    assert not {"secret/registry-tls", "certificate/registry"} & set(there)
    assert {"name": "tls", "secret": {"secretName": "wildcard"}} in pod(tls_secret="wildcard")["volumes"]


@pytest.mark.parametrize(
    ("store", "driver", "annotation"),
    [
        (
            S3,
            {"s3": {"bucket": "images", "region": "eu-central-1", "encrypt": True}},
            {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/registry"},
        ),
        (
            ObjectStoreSettings(StoreKind.GCS, "images", folder="dev", identity="registry@p.iam.gserviceaccount.com"),
            {"gcs": {"bucket": "images", "rootdirectory": "dev"}},
            {"iam.gke.io/gcp-service-account": "registry@p.iam.gserviceaccount.com"},
        ),
        (
            ObjectStoreSettings(StoreKind.AZURE, "images", account="shop", identity="6d1f"),
            {
                "azure": {
                    "accountname": "shop",
                    "container": "images",
                    "credentials": {"type": "default_credentials"},
                }
            },
            {"azure.workload.identity/client-id": "6d1f"},
        ),
    ],
)
def test_an_object_store_takes_the_claims_place(
    store: ObjectStoreSettings, driver: dict[str, Any], annotation: dict[str, str]
) -> None:
    found = objects(store=store)
    assert "persistentvolumeclaim/registry" not in found
    assert driver.items() <= config(store=store)["storage"].items()
    assert found["serviceaccount/registry"].manifest["metadata"]["annotations"] == annotation
    assert not [volume for volume in pod(store=store)["volumes"] if volume["name"] == "data"]
    labels = found["deployment/registry"].manifest["spec"]["template"]["metadata"]["labels"]
    assert ("azure.workload.identity/use" in labels) == (store.kind is StoreKind.AZURE)
    assert found["networkpolicy/registry"].manifest["spec"]["egress"], "the store is outside"


def test_several_replicas_never_collect() -> None:
    (container,) = pod(store=S3, replicas=3)["containers"]
    assert {"name": "COLLECT", "value": "no"} in container["env"]
    spec = objects(store=S3, replicas=3)["deployment/registry"].manifest["spec"]
    assert (spec["replicas"], spec["strategy"]) == (3, {"type": "RollingUpdate"})


def test_traefik_reaches_it_by_tls_and_checks_its_certificate() -> None:
    found = objects(ingress_class="traefik", ca_secret="site-ca")
    annotations = found["service/registry"].manifest["metadata"]["annotations"]
    assert annotations["traefik.ingress.kubernetes.io/service.serversscheme"] == "https"
    assert (
        annotations["traefik.ingress.kubernetes.io/service.serverstransport"]
        == "codeopen-system-registry@kubernetescrd"
    )
    assert found["serverstransport/registry"].manifest["spec"] == {
        "serverName": "registry.example.com",
        "rootCAs": [{"secret": "site-ca"}],
    }
    ingress = found["ingress/registry"].manifest["spec"]
    assert ingress["tls"] == [{"hosts": ["registry.example.com"], "secretName": "registry-tls"}]


def test_who_may_connect() -> None:
    def sources(**changes: Any) -> list[str] | None:
        (rule,) = objects(**changes)["networkpolicy/registry"].manifest["spec"]["ingress"]
        peers = rule.get("from")
        return peers and [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in peers]

    assert sources() == ["codeopen-system", "codeopen-builder"]
    assert sources(ingress_class="traefik") == ["codeopen-system", "codeopen-builder", "traefik"]
    assert sources(load_balancer=True) is None, "the load balancer's clients are anybody"
    assert "egress" not in objects()["networkpolicy/registry"].manifest["spec"], "an empty list would never be in sync"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"host": ""}, "host is missing"),
        ({"replicas": 2}, "can't share one claim"),
        ({"replicas": 0}, "1 or more"),
        ({"maintain_at": "24:00"}, "maintainAt"),
        ({"maintain_at": "3:30"}, "maintainAt"),
        ({"store": ObjectStoreSettings(StoreKind.S3, "images")}, "region is missing"),
        ({"store": ObjectStoreSettings(StoreKind.AZURE, "images")}, "account is missing"),
    ],
)
def test_what_cannot_be_had_is_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        objects(**changes)


def test_pods_start_anew_when_the_configuration_changes() -> None:
    def mark(**changes: Any) -> Any:
        return objects(**changes)["deployment/registry"].manifest["spec"]["template"]["metadata"]["annotations"]

    assert mark() == mark()
    assert mark() != mark(store=S3)


# --- with the real registry -----------------------------------------------------------------------------------------

SHIM = """\
#!/bin/sh
[ "$1" != garbage-collect ] || { touch %(folder)s/collecting; sleep 3; }
exec %(program)s "$@"
"""


@dataclass
class Running:
    url: str
    folder: Path
    process: subprocess.Popen[str]

    def status(self, method: str, path: str, body: bytes | None = None, *, login: bool = True, kind: str = "") -> int:
        return self.answer(method, path, body, login=login, kind=kind)[0]

    def answer(
        self, method: str, path: str, body: bytes | None = None, *, login: bool = True, kind: str = ""
    ) -> tuple[int, str]:
        headers = {
            "Content-Type": kind or "application/octet-stream",
            "Accept": "application/vnd.oci.image.manifest.v1+json",
        }
        if login:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        url = path if path.startswith("https:") else self.url + path
        request = urllib.request.Request(url, body, headers, method=method)
        trust = ssl.create_default_context(cafile=str(self.folder / "tls/tls.crt"))
        try:
            with urllib.request.urlopen(request, timeout=5, context=trust) as answer:
                return answer.status, answer.headers.get("Location", "")
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            return 0, ""

    def push_blob(self, content: bytes) -> str:
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        status, location = self.answer("POST", "/v2/a/blobs/uploads/", b"")
        assert status == 202
        assert self.status("PUT", f"{location}&digest={digest}", content) == 201
        return digest

    def holds(self, digest: str) -> bool:
        return any(self.folder.glob(f"data/docker/registry/v2/blobs/sha256/*/{digest.partition(':')[2]}/data"))


def wait(what: str, ready: Callable[[], Any], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.05)


@contextmanager
def running(folder: Path, in_seconds: int) -> Iterator[Running]:
    """The registry as its container runs it, but for ports and paths; maintenance begins in so many seconds."""
    port = free_port()
    for name in ("config", "tls", "users", "data", "bin"):
        (folder / name).mkdir()
    for name, text in registry_files(REGISTRY).items():
        changed = text.replace(CERTIFICATES, f"{folder}/tls").replace(USERS, f"{folder}/users")
        changed = changed.replace(DATA, f"{folder}/data").replace("addr: :5000", f"addr: 127.0.0.1:{port}")
        (folder / "config" / name).write_text(changed)
    (folder / "users/htpasswd").write_text(HTPASSWD)
    shim = folder / "bin/registry"
    shim.write_text(SHIM % {"folder": folder, "program": distribution_3()})
    shim.chmod(0o755)
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
    ]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(folder / "tls/tls.key"), "-out", str(folder / "tls/tls.crt")]
    subprocess.run(command, check=True, capture_output=True)
    environment = {
        "PATH": f"{folder}/bin:{os.environ['PATH']}",
        "CONFIG_FOLDER": str(folder / "config"),
        "MAINTAIN_SECOND": str((int(time.time()) + in_seconds) % 86400),
        "COLLECT": "yes",
        "OTEL_TRACES_EXPORTER": "none",
        "REGISTRY_HTTP_SECRET": "of-this-test",
    }
    with (folder / "log").open("w") as log:
        script = ["busybox", "sh", str(folder / "config/serve.sh")]
        process = subprocess.Popen(
            script, env=environment, stdout=log, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        found = Running(f"https://localhost:{port}", folder, process)
        try:
            wait("the registry answers", lambda: found.status("GET", "/", login=False) == 200)
            yield found
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_it_collects_read_only_and_takes_again_what_it_freed(tmp_path: Path) -> None:
    with running(tmp_path, in_seconds=4) as registry:
        assert registry.status("GET", "/v2/", login=False) == 401
        assert registry.status("GET", "/v2/") == 200
        kept, config_blob = registry.push_blob(b"kept"), registry.push_blob(b"{}")
        unused = registry.push_blob(b"unused")
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_blob, "size": 2},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": kept, "size": 4}],
        }
        body = json.dumps(manifest).encode()
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        # By digest: a project's image, which no tag names any more, has to stay.
        assert registry.status("PUT", f"/v2/a/manifests/{digest}", body, kind=str(manifest["mediaType"])) == 201

        wait("the collector runs", (tmp_path / "collecting").exists)
        wait("it is read-only", lambda: registry.status("POST", "/v2/a/blobs/uploads/", b"") == 405)
        assert registry.status("GET", f"/v2/a/manifests/{digest}") == 200, "nodes go on pulling"
        assert registry.status("GET", f"/v2/a/blobs/{kept}") == 200

        wait("what nobody uses is freed", lambda: not registry.holds(unused))
        wait("it can be written", lambda: registry.status("POST", "/v2/a/blobs/uploads/", b"") == 202)
        assert registry.holds(kept)
        assert registry.status("GET", f"/v2/a/manifests/{digest}") == 200
        assert registry.push_blob(b"unused") == unused
        assert registry.holds(unused), "a registry that remembered the blob would not have stored it again"
        assert "collected" in (tmp_path / "log").read_text()


def test_it_ends_soon_when_it_is_told_to_and_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp_path, in_seconds=3600) as registry:
        registry.process.send_signal(signal.SIGTERM)
        assert registry.process.wait(timeout=10) == 0
        with pytest.raises(ProcessLookupError):
            os.killpg(registry.process.pid, 0)


def test_it_fails_when_its_registry_dies(tmp_path: Path) -> None:
    with running(tmp_path, in_seconds=3600) as registry:
        children = subprocess.run(
            ["pgrep", "-P", str(registry.process.pid)], capture_output=True, text=True, check=True
        )
        for child in children.stdout.split():
            if b"serve" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(int(child), signal.SIGKILL)
        assert registry.process.wait(timeout=10) == 1


def test_it_is_not_ready_without_its_storage(tmp_path: Path) -> None:
    with running(tmp_path, in_seconds=3600) as registry:
        (tmp_path / "data").rename(tmp_path / "gone")
        (tmp_path / "data").symlink_to(tmp_path / "data")
        wait("503", lambda: registry.status("GET", "/", login=False) == 503, seconds=60)
