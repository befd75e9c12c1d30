"""BuildKit in the cluster, as values; its configuration is read by the real BuildKit."""

from __future__ import annotations

import re
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codeopen.environment.cluster_settings import BuilderSettings, ClusterSettings, IngressSettings, NetworkSettings
from codeopen.errors import SettingsError
from codeopen.platform.cluster.builder import CLIENT_SECRET, builder_objects
from codeopen.platform.cluster.objects import Object, SecretValue

BUILDER = BuilderSettings(enabled=True)
IMAGE = f"docker.io/moby/buildkit:v0.33.0-rootless@sha256:{'8' * 64}"


def settings(**changes: Any) -> ClusterSettings:
    return ClusterSettings(builder=replace(BUILDER, **changes), ingress=IngressSettings("dev.example.com"))


def found(**changes: Any) -> dict[str, Object]:
    return {each.key: each for each in builder_objects(settings(**changes), IMAGE)}


def test_it_is_off_by_default() -> None:
    assert builder_objects(ClusterSettings(), IMAGE) == ()


def test_it_runs_apart_without_root() -> None:
    objects = found()
    assert {each.namespace for each in objects.values()} == {"codeopen-builder", "codeopen-system"}
    assert [key for key, each in objects.items() if each.namespace == "codeopen-system"] == [f"secret/{CLIENT_SECRET}"]
    spec = objects["statefulset/buildkitd"].manifest["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert (spec["securityContext"]["runAsNonRoot"], spec["securityContext"]["runAsUser"]) == (True, 1000)
    assert container["securityContext"] == {"readOnlyRootFilesystem": True, "privileged": False}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert not [volume for volume in spec["volumes"] if "hostPath" in volume]
    assert spec["automountServiceAccountToken"] is False


def test_clients_need_a_certificate() -> None:
    (container,) = found()["statefulset/buildkitd"].manifest["spec"]["template"]["spec"]["containers"]
    flags = dict(flag.partition("=")[::2] for flag in container["args"])
    assert flags["--tlscacert"].endswith("/ca.crt"), "with it BuildKit asks clients for a certificate"
    assert {"--tlscert", "--tlskey", "--oci-worker-no-process-sandbox"} <= set(flags)
    addresses = [flag.partition("=")[2] for flag in container["args"] if flag.startswith("--addr=")]
    assert addresses == ["unix:///run/user/1000/buildkit/buildkitd.sock", "tcp://0.0.0.0:1234"]
    assert container["readinessProbe"]["exec"]["command"] == ["buildctl", "--addr", addresses[0], "debug", "workers"]


def test_certificates_come_from_an_issuer_or_from_the_stack() -> None:
    own = found()
    for name in ("buildkit-server", CLIENT_SECRET):
        values = own[f"secret/{name}"].manifest["stringData"]
        assert sorted(values) == ["ca.crt", "tls.crt", "tls.key"]
        assert all(isinstance(value, SecretValue) for value in values.values())
    issued = found(issuer="own-ca")
    server = issued["certificate/buildkit-server"].manifest["spec"]
    assert server["dnsNames"] == ["buildkitd.codeopen-builder", "buildkitd.codeopen-builder.svc"]
    assert server["usages"] == ["server auth", "digital signature"]
    client = issued[f"certificate/{CLIENT_SECRET}"]
    assert (client.namespace, client.manifest["spec"]["usages"][0]) == ("codeopen-system", "client auth")


def test_one_caller_s_builds_stay_on_one_builder() -> None:
    service = found()["service/buildkitd"].manifest["spec"]
    assert (service["sessionAffinity"], service["ports"][0]["port"]) == ("ClientIP", 1234)


def test_only_the_platform_connects_and_builds_reach_public_addresses() -> None:
    policy = found(allowed_ranges=("10.9.0.0/16",))["networkpolicy/buildkitd"].manifest["spec"]
    assert policy["podSelector"] == {}, "all of the namespace"
    (rule,) = policy["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "codeopen-system"}}}]
    public = policy["egress"][1]["to"][0]["ipBlock"]
    assert {"169.254.0.0/16", "10.0.0.0/8"} <= set(public["except"])
    assert {"ipBlock": {"cidr": "10.9.0.0/16"}} in policy["egress"][2]["to"]


def test_builds_ask_the_same_dns_servers_as_projects() -> None:
    network = NetworkSettings(dns_addresses=("169.254.20.10",), dns_ports=(5353,))
    objects = {each.key: each for each in builder_objects(replace(settings(), network=network), IMAGE)}
    dns = objects["networkpolicy/buildkitd"].manifest["spec"]["egress"][0]
    assert dns["to"][1:] == [{"ipBlock": {"cidr": "169.254.20.10/32"}}]
    assert {each["port"] for each in dns["ports"]} == {5353}


def test_the_caches_bounds_follow_the_claim() -> None:
    objects = found(storage="50Gi")
    spec = objects["statefulset/buildkitd"].manifest["spec"]
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"] == {"storage": "50Gi"}
    config = tomllib.loads(objects["configmap/buildkitd"].manifest["data"]["buildkitd.toml"])
    whole = config["worker"]["oci"]["gcpolicy"][1]
    assert (whole["all"], whole["maxUsedSpace"], whole["minFreeSpace"]) == (True, "42949MB", "5368MB")


def test_buildkit_reads_the_configuration(tmp_path: Path) -> None:
    programs = sorted((Path.home() / ".cache/codeopen/tools").glob("buildkit-*/buildkitd"))
    if not programs:
        pytest.fail("no compiled buildkitd in ~/.cache/codeopen/tools; run: make setup", pytrace=False)
    text = found()["configmap/buildkitd"].manifest["data"]["buildkitd.toml"]
    for name, content in (("good", text), ("bad", text.replace("gc = true", "gc = 7"))):
        file = tmp_path / f"{name}.toml"
        file.write_text(content)
        # It reads the file first, and then finds nowhere to listen.
        command = [str(programs[-1]), "--config", str(file), "--root", str(tmp_path / "root"), "--addr", "no://where"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert bool(re.search(r"failed to load config|cannot unmarshal|toml", done.stderr)) == (name == "bad"), (
            done.stderr
        )


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"namespace": "codeopen-system"}, "restricted"), ({"replicas": 0}, "1 or more")],
)
def test_what_cannot_be_had_is_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        found(**changes)
