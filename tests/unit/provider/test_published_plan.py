from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from codeopen.model.selection.version import is_released
from provider import registry as registry_module
from provider.protocol.values import UNKNOWN
from tests.unit.provider.context import AbortedError
from tests.unit.provider.fake_registry import DOCKER_MANIFEST_TYPE, INDEX_TYPE, MANIFEST_TYPE, FakeRegistry
from tests.unit.provider.publishing import ABSENT, OTHER_PLAN, PLAN, PLAN_TAG, Protocol, image, inputs, repository


@pytest.fixture
def published() -> Protocol:
    return Protocol("PublishedPlan")


def test_nothing_is_found_in_an_empty_registry(registry: FakeRegistry, published: Protocol) -> None:
    outputs = published.create(inputs(registry))
    assert (outputs["existing"], outputs["planTag"]) == ("", PLAN_TAG)
    assert registry.written == []


@pytest.mark.parametrize("tag", [PLAN_TAG, "0.0.2"])
def test_an_image_of_the_plan_is_found_by_plan_or_version(
    registry: FakeRegistry, published: Protocol, tag: str
) -> None:
    digest = image(registry, "one")
    registry.tag(tag, digest)
    assert published.create(inputs(registry))["existing"] == f"{repository(registry)}@{digest}"
    assert published.create(inputs(registry, planDigest=OTHER_PLAN, version="0.0.3"))["existing"] == ""


def test_a_released_version_with_another_plan_is_refused(registry: FakeRegistry, published: Protocol) -> None:
    registry.tag("0.0.2", image(registry, "old", OTHER_PLAN))
    registry.tag(PLAN_TAG, image(registry, "new"))
    with pytest.raises(AbortedError) as caught:
        published.create(inputs(registry))
    assert caught.value.text == (
        f"{repository(registry)}:0.0.2 is released with plan cdcdcdcdcdcd and never moves, but what is to be published "
        "has plan abababababab: bump VERSION (or set codeopen:imageVersion to a pre-release such as 0.0.3-dev)"
    )


@pytest.mark.parametrize("labels", [None, {}, {"other": PLAN}])
def test_a_released_version_without_a_plan_is_refused(
    registry: FakeRegistry, published: Protocol, labels: dict[str, str] | None
) -> None:
    registry.tag("1.2.9", registry.add_image("foreign", labels))
    with pytest.raises(AbortedError, match=r"an image that names no plan .* such as 1\.2\.10-dev"):
        published.create(inputs(registry, version="1.2.9"))


def test_a_pre_release_may_have_another_plan(registry: FakeRegistry, published: Protocol) -> None:
    registry.tag("0.0.3-dev.1", image(registry, "old", OTHER_PLAN))
    assert published.create(inputs(registry, version="0.0.3-dev.1"))["existing"] == ""


@pytest.mark.parametrize(
    ("version", "released"),
    [
        ("0.0.2", True), ("latest", True), ("v0.0.3-dev", True), ("0.0.03-dev", True), ("0.0.3-", True),
        ("0.0.3-01", True), ("0.3-dev", True), ("0.0.3-dev..1", True), ("0.0.3-dev_1", True),
        ("0.0.3-dev", False), ("0.0.3-dev.1", False), ("0.0.3-0", False), ("1.2.3--", False), ("0.0.3-0a", False),
        ("0.0.3-dev_amd64", False), ("0.0.3-dev_386", False), ("0.0.3_amd64", True), ("latest_amd64", True),
    ],
)  # fmt: skip
def test_only_semvers_pre_releases_move(version: str, released: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_released(version) is released


@pytest.mark.parametrize("media_type", [MANIFEST_TYPE, DOCKER_MANIFEST_TYPE])
def test_an_index_has_the_labels_of_its_first_image(
    registry: FakeRegistry, published: Protocol, media_type: str
) -> None:
    attestation = {"digest": ABSENT, "platform": {"os": "unknown", "architecture": "unknown"}}
    images = [image(registry, name, plan, media_type) for name, plan in (("a", PLAN), ("b", OTHER_PLAN))]
    platforms = [{"digest": digest, "platform": {"os": "linux"}} for digest in images]
    index = registry.add_manifest({"mediaType": INDEX_TYPE, "manifests": [attestation, *platforms]}, INDEX_TYPE)
    registry.tag("0.0.2", index)
    assert published.create(inputs(registry))["existing"].endswith(index)
    with pytest.raises(AbortedError, match="is released with plan abababababab"):
        published.create(inputs(registry, planDigest=OTHER_PLAN))


@pytest.mark.parametrize("document", [{"manifests": []}, {"manifests": [{}]}, {}, []])
def test_a_broken_index_is_named(registry: FakeRegistry, published: Protocol, document: Any) -> None:
    registry.tag("0.0.2", registry.add_manifest(document, INDEX_TYPE))
    with pytest.raises(AbortedError, match=r"sha256:[0-9a-f]{64}.* publish another one"):
        published.create(inputs(registry))


def test_a_config_that_isnt_what_was_asked_for_is_refused(registry: FakeRegistry, published: Protocol) -> None:
    registry.tag("0.0.2", image(registry, "one"))
    (config,) = registry.blobs
    registry.blobs[config] = b"{}"
    with pytest.raises(AbortedError, match="the registry is damaged"):
        published.create(inputs(registry))


def test_a_registry_that_is_starting_is_waited_for(registry: FakeRegistry, published: Protocol) -> None:
    registry.starting = 2
    assert published.create(inputs(registry))["existing"] == ""


def test_a_registry_that_never_answers_is_given_up(
    silent_port: int, published: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "ANSWER_SECONDS", 0.3)
    given = {"repository": f"127.0.0.1:{silent_port}/x", "planDigest": PLAN, "version": "0.0.2", "insecure": True}
    start = time.monotonic()
    with pytest.raises(AbortedError, match=r"nothing came in time; .*; is the registry .* running"):
        published.create(given)
    assert time.monotonic() - start < 5


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_preview_warns_of_a_released_version_and_knows_the_tag(registry: FakeRegistry, published: Protocol) -> None:
    registry.tag("0.0.2", image(registry, "old", OTHER_PLAN))
    outputs = published.create(inputs(registry), preview=True)
    assert (outputs["existing"], outputs["planTag"]) == (UNKNOWN, PLAN_TAG)
    (warning,) = published.warnings
    assert f"{repository(registry)}:0.0.2 is released with plan cdcdcdcdcdcd" in warning
    assert "bump VERSION" in warning


@pytest.mark.parametrize("tag", ["0.0.2", PLAN_TAG])
def test_a_preview_says_nothing_of_its_own_plan(registry: FakeRegistry, published: Protocol, tag: str) -> None:
    registry.tag(tag, image(registry, "one"))
    assert published.create(inputs(registry), preview=True)["existing"] is UNKNOWN
    assert published.warnings == []


def test_a_preview_waits_a_second_at_most_and_stays_silent(silent_port: int, published: Protocol) -> None:
    for port in (silent_port, 1):
        given = {"repository": f"127.0.0.1:{port}/x", "planDigest": PLAN, "version": "0.0.2", "insecure": True}
        start = time.monotonic()
        assert published.create(given, preview=True)["existing"] is UNKNOWN
        assert time.monotonic() - start < 2
    assert published.warnings == []


@pytest.mark.parametrize("name", ["repository", "planDigest", "version"])
def test_a_preview_with_unknown_inputs_asks_nobody(registry: FakeRegistry, published: Protocol, name: str) -> None:
    registry.tag("0.0.2", image(registry, "old", OTHER_PLAN))
    outputs = published.create({**inputs(registry), name: UNKNOWN}, preview=True)
    assert outputs["existing"] is UNKNOWN
    assert published.warnings == []


def test_what_is_gone_from_the_registry_is_looked_up_again(registry: FakeRegistry, published: Protocol) -> None:
    given = inputs(registry)
    before = published.create(given)
    assert not published.is_there(given, before)
    digest = image(registry, "one")
    registry.tag(PLAN_TAG, digest)
    assert published.is_there(given, before)
    found = published.create(given)
    del registry.manifests[PLAN_TAG]
    assert published.is_there(given, found)
    del registry.manifests[digest]
    assert not published.is_there(given, found)
