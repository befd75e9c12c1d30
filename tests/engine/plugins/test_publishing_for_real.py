"""Publishing by plan against a real registry, and through the real CLI."""

from __future__ import annotations

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from io import BytesIO
from pathlib import Path
from threading import Event

import pytest

from codeopen.images.registry.contents import read_image_size
from provider.image_release import ImageRelease
from provider.manifest import Manifest, digest_of
from provider.protocol.errors import PluginError
from provider.protocol.values import Properties
from provider.published_plan import PublishedPlan
from provider.registry import Repository
from tests.engine.plugins.conftest import Stack
from tests.unit.images.registry.real_registry import distribution_3, log_in, serving
from tests.unit.provider.context import AbortedError
from tests.unit.provider.publishing import Protocol

PLAN, OTHER_PLAN = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32
PLAN_TAG = "plan-" + "ab" * 16
OCI = "application/vnd.oci.image"
DOCKER = "application/vnd.docker"
KINDS = {
    "oci": (f"{OCI}.manifest.v1+json", f"{OCI}.config.v1+json", f"{OCI}.index.v1+json"),
    "docker": (
        f"{DOCKER}.distribution.manifest.v2+json",
        f"{DOCKER}.container.image.v1+json",
        f"{DOCKER}.distribution.manifest.list.v2+json",
    ),
}


@pytest.fixture
def repository(registry: str) -> Repository:
    found = Repository(f"{registry}/codeopen/codeopen-js")
    found.wait_until_answering()
    return found


def push(repository: Repository, name: str, plan: str = PLAN, kind: str = "oci") -> str:
    """An image without layers, pushed by its digest alone."""
    manifest_type, config_type, _ = KINDS[kind]
    config = {"os": "linux", "architecture": "amd64", "created_by": name, "rootfs": {"type": "layers", "diff_ids": []}}
    content = json.dumps({**config, "config": {"Labels": {"dev.codeopen.plan-digest": plan}}}).encode()
    repository.put_blob(digest_of(content), BytesIO(content), len(content))
    part = {"mediaType": config_type, "digest": digest_of(content), "size": len(content)}
    return put(repository, manifest_type, {"config": part, "layers": []})


def push_index(repository: Repository, image: str, kind: str) -> str:
    manifest_type, _, index_type = KINDS[kind]
    manifest = repository.manifest(image)
    assert manifest is not None
    platform = {"os": "linux", "architecture": "amd64"}
    entry = {"mediaType": manifest_type, "digest": image, "size": len(manifest.content), "platform": platform}
    return put(repository, index_type, {"manifests": [entry]})


def put(repository: Repository, media_type: str, document: dict[str, object]) -> str:
    content = json.dumps({"schemaVersion": 2, "mediaType": media_type, **document}, indent=3).encode()
    repository.put_manifest(digest_of(content), media_type, content)
    return digest_of(content)


def inputs(repository: Repository, **changed: str) -> Properties:
    fixed = {"repository": repository.reference, "planDigest": PLAN, "version": "0.0.2", "insecure": True}
    return {**fixed, **changed}


def release(repository: Repository, digest: str, **changed: str) -> Properties:
    return ImageRelease().create(inputs(repository, digest=digest, **changed), Event()).outputs


def look_up(repository: Repository, **changed: str) -> str:
    existing = PublishedPlan(lambda _: None).create(inputs(repository, **changed), Event()).outputs["existing"]
    assert isinstance(existing, str)
    return existing


def tagged(repository: Repository, tag: str) -> Manifest | None:
    return repository.manifest(tag)


@pytest.mark.parametrize("kind", ["oci", "docker"])
@pytest.mark.parametrize("form", ["image", "index"])
def test_the_first_image_of_each_kind_is_published_and_found(repository: Repository, kind: str, form: str) -> None:
    image = push(repository, "one", kind=kind)
    digest = image if form == "image" else push_index(repository, image, kind)
    original = repository.manifest(digest)
    assert look_up(repository) == ""
    outputs = release(repository, digest)
    assert (outputs["ref"], outputs["adopted"]) == (f"{repository.reference}@{digest}", False)
    assert tagged(repository, PLAN_TAG) == tagged(repository, "0.0.2") == original
    assert look_up(repository) == look_up(repository, version="0.0.3") == outputs["ref"]


def test_a_later_image_gives_way_and_a_released_version_stays(repository: Repository) -> None:
    first, second, other = (push(repository, name, plan) for name, plan in
                            (("first", PLAN), ("second", PLAN), ("other", OTHER_PLAN)))  # fmt: skip
    assert release(repository, first)["ref"] == release(repository, second)["ref"]
    with pytest.raises(PluginError, match=r"0\.0\.2 is released with plan abababababab .*bump VERSION"):
        release(repository, other, planDigest=OTHER_PLAN)
    with pytest.raises(PluginError, match="bump VERSION"):
        look_up(repository, planDigest=OTHER_PLAN)
    assert tagged(repository, "plan-" + "cd" * 16) is None
    version = "0.0.3-dev"
    release(repository, first, version=version)
    moved = release(repository, other, planDigest=OTHER_PLAN, version=version)
    assert moved["ref"].endswith(other)
    assert tagged(repository, version) == repository.manifest(other)


# A registry has no conditional PUT: writers settle for half a second and look again, which a machine that is too busy
# to run all four in that time can defeat. Only a lock would make it certain.
@pytest.mark.heavy
def test_builders_at_the_same_time_end_with_one_image(repository: Repository) -> None:
    digests = [push(repository, f"builder {number}") for number in range(4)]
    with ThreadPoolExecutor(len(digests)) as pool:
        outputs = list(pool.map(lambda digest: release(repository, digest), digests))
    (ref,) = {one["ref"] for one in outputs}
    assert [one["adopted"] for one in outputs].count(False) == 1
    winner = repository.manifest(ref.partition("@")[2])
    assert tagged(repository, PLAN_TAG) == tagged(repository, "0.0.2") == winner


@pytest.mark.heavy
def test_through_the_cli(stack: Stack, repository: Repository) -> None:
    """First published, then built again, then another plan under the same version, then gone from the registry."""
    targets = ("--target", "**published", "--target", "**release", "--target", "**codeopen-dev")
    first, second, other = (push(repository, name, plan) for name, plan in
                            (("first", PLAN), ("second", PLAN), ("other", OTHER_PLAN)))  # fmt: skip
    stack.configure(repository=repository.reference, planDigest=PLAN, version="0.0.2", digest=first)
    stack.up(*targets)
    ref = f"{repository.reference}@{first}"
    assert (stack.output("existing"), stack.output("ref"), stack.output("adopted")) == ("", ref, False)
    stack.configure(digest=second)
    stack.up(*targets)
    assert (stack.output("ref"), stack.output("adopted")) == (ref, True)

    stack.configure(planDigest=OTHER_PLAN, digest=other)
    warned = " ".join(stack.run("preview", *targets).output.split())
    assert f"warning: {repository.reference}:0.0.2 is released with plan abababababab" in warned
    refused = stack.up(*targets, ok=False)
    assert refused.code != 0
    assert "bump VERSION (or set codeopen:imageVersion to a pre-release such as 0.0.3-dev)" in " ".join(
        refused.output.split()
    )
    stack.configure(version="0.0.3-dev")
    stack.up(*targets)
    assert stack.output("ref").endswith(other)

    delete(repository, other)
    assert "- 2 deleted" in stack.run("refresh", "--yes").output


def delete(repository: Repository, digest: str) -> None:
    host, _, name = repository.reference.partition("/")
    with closing(http.client.HTTPConnection(host)) as connection:
        connection.request("DELETE", f"/v2/{name}/manifests/{digest}")
        assert connection.getresponse().status == http.client.ACCEPTED


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_an_image_is_released_in_a_registry_that_wants_a_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, tls: bool
) -> None:
    """With the credentials of `docker login`, over TLS too; without them it says what to do."""
    with serving(distribution_3(), tmp_path, authentication=True, tls=tls) as real:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls.crt"))
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "nobody"))
        given = {"repository": f"{real.host}/codeopen/codeopen-js", "planDigest": PLAN, "version": "0.0.2"}
        looked_up, release = Protocol("PublishedPlan"), Protocol("ImageRelease")
        with pytest.raises(AbortedError, match=f"it asks for a login; run `docker login {real.host}`"):
            looked_up.create(given)
        log_in(tmp_path / "docker", real.host)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
        assert looked_up.create(given)["existing"] == ""
        digest = push(Repository(str(given["repository"])), "one")
        reference = release.create({**given, "digest": digest})["ref"]
        assert looked_up.create(given)["existing"] == reference
        assert read_image_size(str(reference)).compressed >= 0
