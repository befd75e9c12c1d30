from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from provider import image_release
from provider.image_release import ImageRelease
from provider.protocol.errors import PluginError
from provider.protocol.values import UNKNOWN
from tests.unit.provider.context import AbortedError
from tests.unit.provider.fake_registry import DOCKER_MANIFEST_TYPE, INDEX_TYPE, MANIFEST_TYPE, FakeRegistry
from tests.unit.provider.publishing import (
    ABSENT,
    OTHER_PLAN,
    OTHER_TAG,
    PLAN,
    PLAN_TAG,
    Protocol,
    image,
    inputs,
    repository,
)


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Protocol:
    monkeypatch.setattr(image_release, "SETTLING_SECONDS", 0.0)
    return Protocol("ImageRelease")


@pytest.mark.parametrize("kind", ["PublishedPlan", "ImageRelease"])
def test_every_change_but_of_the_scheme_looks_again(registry: FakeRegistry, kind: str) -> None:
    protocol = Protocol(kind)
    given = inputs(registry, ABSENT if kind == "ImageRelease" else None)
    changes = {"repository": "localhost:5000/other", "planDigest": OTHER_PLAN, "version": "0.0.3"}
    if kind == "ImageRelease":
        changes["digest"] = PLAN
    for name, value in changes.items():
        assert protocol.replaces(given, {**given, name: value}) == [name]
    assert protocol.replaces(given, {**given, "insecure": False}) == []
    wrong = {"repository": "codeopen", "planDigest": "sha256:1", "version": "a+b"}
    assert protocol.check({**given, **wrong}) == list(wrong)


def test_a_release_that_is_gone_reads_as_gone(registry: FakeRegistry, release: Protocol) -> None:
    given = inputs(registry, image(registry, "one"))
    outputs = release.create(given)
    assert release.is_there(given, outputs)
    del registry.manifests[given["digest"]]
    assert not release.is_there(given, outputs)


@pytest.mark.parametrize("kind", ["PublishedPlan", "ImageRelease"])
def test_an_import_is_refused(kind: str) -> None:
    with pytest.raises(AbortedError, match="can't be imported"):
        Protocol(kind).is_there({}, {})


def test_deleting_leaves_the_registry_as_it_is(registry: FakeRegistry, release: Protocol) -> None:
    outputs = release.create(inputs(registry, image(registry, "one")))
    before = dict(registry.manifests)
    release.delete(outputs)
    published = Protocol("PublishedPlan")
    published.delete(published.create(inputs(registry)))
    assert registry.manifests == before


@pytest.mark.parametrize("media_type", [MANIFEST_TYPE, DOCKER_MANIFEST_TYPE])
def test_the_first_image_gets_both_tags_byte_for_byte(
    registry: FakeRegistry, release: Protocol, media_type: str
) -> None:
    digest = image(registry, "one", media_type=media_type)
    original = registry.manifests[digest]
    outputs = release.create(inputs(registry, digest))
    assert (outputs["ref"], outputs["adopted"]) == (f"{repository(registry)}@{digest}", False)
    assert outputs["tag"] == PLAN_TAG
    assert registry.manifests == dict.fromkeys((digest, PLAN_TAG, "0.0.2"), original)


def test_a_second_time_writes_nothing(registry: FakeRegistry, release: Protocol) -> None:
    given = inputs(registry, image(registry, "one"))
    first = release.create(given)
    registry.written.clear()
    assert release.create(given) == first
    assert registry.written == []


def test_a_later_image_for_the_plan_gives_way_to_the_first(registry: FakeRegistry, release: Protocol) -> None:
    first, second = image(registry, "first"), image(registry, "second")
    one = release.create(inputs(registry, first))
    two = release.create(inputs(registry, second))
    assert (two["ref"], two["adopted"]) == (one["ref"], True)
    assert registry.tags() == {PLAN_TAG: first, "0.0.2": first}


def test_an_adopted_image_needs_none_that_was_built(registry: FakeRegistry, release: Protocol) -> None:
    first = image(registry, "first")
    registry.tag(PLAN_TAG, first)
    outputs = release.create(inputs(registry, ABSENT, version="0.0.4"))
    assert (outputs["ref"], outputs["adopted"]) == (f"{repository(registry)}@{first}", True)
    assert registry.tags() == {PLAN_TAG: first, "0.0.4": first}


def test_an_image_that_was_never_pushed_is_named(registry: FakeRegistry, release: Protocol) -> None:
    with pytest.raises(AbortedError, match=rf"codeopen-js doesn't hold {ABSENT}.*build and push the image again"):
        release.create(inputs(registry, ABSENT))
    assert registry.written == []


def test_a_version_of_the_same_plan_stays_and_is_adopted(registry: FakeRegistry, release: Protocol) -> None:
    versioned, built = image(registry, "versioned"), image(registry, "built")
    registry.tag("0.0.2", versioned)
    outputs = release.create(inputs(registry, built))
    assert (outputs["ref"], outputs["adopted"]) == (f"{repository(registry)}@{versioned}", True)
    assert registry.tags() == {"0.0.2": versioned, PLAN_TAG: versioned}


def test_a_version_of_the_same_plan_wins_over_the_plans_tag(registry: FakeRegistry, release: Protocol) -> None:
    versioned, tagged = image(registry, "versioned"), image(registry, "tagged")
    registry.tag("0.0.2", versioned)
    registry.tag(PLAN_TAG, tagged)
    outputs = release.create(inputs(registry, tagged))
    assert (outputs["ref"], outputs["adopted"]) == (f"{repository(registry)}@{versioned}", True)
    assert registry.written == []


def test_a_released_version_never_moves_and_nothing_is_written(registry: FakeRegistry, release: Protocol) -> None:
    released = image(registry, "released", OTHER_PLAN)
    registry.tag("0.0.2", released)
    with pytest.raises(AbortedError, match=r"0\.0\.2 is released with plan cdcdcdcdcdcd and never moves"):
        release.create(inputs(registry, image(registry, "new")))
    assert registry.tags() == {"0.0.2": released}


def test_an_image_is_signed_before_it_has_tags(registry: FakeRegistry, release: Protocol, tmp_path: Path) -> None:
    digest = image(registry, "one")
    with pytest.raises(AbortedError, match=r"codeopen:beforeTag: false failed on .*nothing is tagged"):
        release.create({**inputs(registry, digest), "beforeTag": "false"})
    assert registry.tags() == {}
    given = {**inputs(registry, digest), "beforeTag": f"sh -c 'echo $0 >>{tmp_path}/signed'"}
    ref = release.create(given)["ref"]
    release.create(given)
    assert (tmp_path / "signed").read_text() == f"{ref}\n", "one that has its tags isn't signed again"
    release.create({**given, "version": "0.0.5"})
    assert (tmp_path / "signed").read_text() == 2 * f"{ref}\n", "another version of it is"


def test_a_pre_release_moves_to_the_new_plan(registry: FakeRegistry, release: Protocol) -> None:
    version = "0.0.3-dev"
    old, new = image(registry, "old", OTHER_PLAN), image(registry, "new")
    release.create(inputs(registry, old, planDigest=OTHER_PLAN, version=version))
    outputs = release.create(inputs(registry, new, version=version))
    assert outputs["ref"].endswith(new)
    assert registry.tags() == {OTHER_TAG: old, PLAN_TAG: new, version: new}


def test_an_index_is_published_whole(registry: FakeRegistry, release: Protocol) -> None:
    platform = {"digest": image(registry, "one"), "platform": {"os": "linux", "architecture": "amd64"}}
    index = registry.add_manifest({"mediaType": INDEX_TYPE, "manifests": [platform]}, INDEX_TYPE)
    assert release.create(inputs(registry, index))["ref"].endswith(index)
    assert registry.tags() == {PLAN_TAG: index, "0.0.2": index}
    assert registry.manifests["0.0.2"][0] == INDEX_TYPE


def test_builders_at_the_same_time_end_with_one_image(registry: FakeRegistry) -> None:
    """With the real settling time."""
    digests = [image(registry, f"builder {number}") for number in range(4)]
    release = Protocol("ImageRelease")
    with ThreadPoolExecutor(len(digests)) as pool:
        outputs = list(pool.map(lambda digest: release.create(inputs(registry, digest)), digests))
    assert len({one["ref"] for one in outputs}) == 1
    assert [one["adopted"] for one in outputs].count(False) == 1
    assert set(registry.tags().values()) == {outputs[0]["ref"].partition("@")[2]}
    assert set(registry.tags()) == {PLAN_TAG, "0.0.2"}


def test_a_builder_that_comes_between_two_others_sees_what_they_agree_on(
    registry: FakeRegistry,
) -> None:
    """The tag of the plan is written once more by a builder that saw it absent, after a third one has seen it."""
    early, late = image(registry, "early"), image(registry, "late")
    registry.tag(PLAN_TAG, early)

    class Interrupted(Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout == image_release.SETTLING_SECONDS
            registry.tag(PLAN_TAG, late)
            return False

    assert ImageRelease().create(inputs(registry, early), Interrupted()).outputs["ref"].endswith(late)
    assert registry.tags() == {PLAN_TAG: late, "0.0.2": late}


def test_two_plans_that_release_a_version_at_once_dont_both_succeed(registry: FakeRegistry) -> None:
    mine, theirs = image(registry, "mine"), image(registry, "theirs", OTHER_PLAN)

    class Interrupted(Event):
        def wait(self, timeout: float | None = None) -> bool:
            if "0.0.2" in registry.tags():
                registry.tag("0.0.2", theirs)
            return timeout is None

    with pytest.raises(PluginError, match="is released with plan cdcdcdcdcdcd"):
        ImageRelease().create(inputs(registry, mine), Interrupted())


def test_a_preview_of_publishing_knows_the_tag_alone(registry: FakeRegistry, release: Protocol) -> None:
    outputs = release.create(inputs(registry, ABSENT), preview=True)
    assert (outputs["ref"], outputs["adopted"], outputs["tag"]) == (UNKNOWN, UNKNOWN, PLAN_TAG)
    assert release.create({**inputs(registry, ABSENT), "planDigest": UNKNOWN}, preview=True)["tag"] is UNKNOWN
    assert registry.written == []
