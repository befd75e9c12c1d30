"""The size that a disk is granted: never less than it has, and no more than its claim took."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import pytest

from provider import live_claim
from provider.granted_storage import GrantedStorage
from provider.protocol.errors import PluginError
from provider.protocol.properties import Change, differences
from provider.protocol.resource import Change as InPlaceChange
from provider.protocol.values import Properties
from tests.unit.provider.kubernetes.scripted_api import Answer, ScriptedApi, failure, scripted_api

CLAIM = "/api/v1/namespaces/codeopen-demo/persistentvolumeclaims/home"


@pytest.fixture
def server() -> Iterator[ScriptedApi]:
    with scripted_api() as started:
        yield started


def inputs(server: ScriptedApi, wanted: int) -> Properties:
    given = {"claim": "codeopen-demo/home", "kubeconfig": server.kubeconfig()}
    return {"project": "demo", "wanted": wanted, **given}


def claim_of(size: str) -> Answer:
    return Answer(200, {"spec": {"resources": {"requests": {"storage": size}}}})


def updated(server: ScriptedApi, wanted: int, recorded: int) -> tuple[int, int, list[str]]:
    """What a preview and an update from what is recorded to what is wanted now grant, and the update's warnings."""
    old, new = inputs(server, recorded), inputs(server, wanted)
    outputs = {**old, "gigabytes": recorded}
    warnings: list[str] = []
    previewed = GrantedStorage(lambda _: None).preview_update(new, outputs)
    done = GrantedStorage(warnings.append).update(InPlaceChange("demo", old, new), outputs, Event())
    return previewed["gigabytes"], done["gigabytes"], warnings


def test_more_is_granted_without_a_question(server: ScriptedApi) -> None:
    assert updated(server, 100, 20) == (100, 100, [])
    assert server.asked == []


def test_a_disk_that_grew_keeps_its_size_and_that_is_told(server: ScriptedApi) -> None:
    server.script = [claim_of("100G"), claim_of("100G")]
    *granted, warnings = updated(server, 20, 100)
    assert granted == [100, 100]
    assert warnings == [
        "project demo: its disk stays at 100 GB, though 20 GB are asked for now: a volume never shrinks"
    ]
    assert [(each.method, each.path) for each in server.asked] == [("GET", CLAIM)] * 2


@pytest.mark.parametrize(("live", "wanted", "granted"), [("20G", 20, 20), ("20G", 50, 50), ("64Gi", 20, 69)])
def test_one_that_never_grew_to_what_is_recorded_goes_back(
    server: ScriptedApi, live: str, wanted: int, granted: int
) -> None:
    """Its API server refused the larger size after that was recorded."""
    server.script = [claim_of(live), claim_of(live)]
    assert updated(server, wanted, 100)[:2] == (granted, granted)


def test_without_a_claim_nothing_has_to_be_kept(server: ScriptedApi) -> None:
    server.script = [failure(404, "NotFound")] * 2
    assert updated(server, 20, 100) == (20, 20, [])


def test_without_an_answer_nothing_is_forgotten(server: ScriptedApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """A preview goes on; an update fails, so that the next one asks again."""
    monkeypatch.setattr(live_claim, "SECONDS", 0.0)
    new, outputs = inputs(server, 20), {**inputs(server, 100), "gigabytes": 100}
    server.script = [failure(503, "ServiceUnavailable")] * 2
    warnings: list[str] = []
    assert GrantedStorage(warnings.append).preview_update(new, outputs)["gigabytes"] == 100
    assert len(warnings) == 1
    with pytest.raises(PluginError, match="can't read PersistentVolumeClaim codeopen-demo/home"):
        GrantedStorage(warnings.append).update(InPlaceChange("demo", outputs, new), outputs, Event())
    server.script = [claim_of("many")]
    with pytest.raises(PluginError, match="tells no size that can be read"):
        GrantedStorage(warnings.append).update(InPlaceChange("demo", outputs, new), outputs, Event())


def test_where_the_claim_is_is_no_change(server: ScriptedApi) -> None:
    old: Properties = {"project": "demo", "wanted": 20}
    assert differences(GrantedStorage.table, old, inputs(server, 20)) == []
    assert [each.change for each in differences(GrantedStorage.table, old, inputs(server, 30))] == [Change.UPDATE]


def test_an_import_takes_the_size_from_the_id() -> None:
    observed = GrantedStorage(lambda _: None).read("demo:100", {}, {})
    assert observed is not None
    assert (observed.identifier, observed.outputs["gigabytes"]) == ("demo", 100)
