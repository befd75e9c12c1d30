from __future__ import annotations

import base64
from threading import Event

import pytest

from provider.credential import Credential
from provider.protocol.errors import PluginError
from provider.protocol.properties import Change, differences, validate
from provider.protocol.values import UNKNOWN, Properties, Secret

INPUTS: Properties = {"name": "p1", "username": "developer"}


def made(**inputs: object) -> Properties:
    return Credential().create({**INPUTS, **inputs}, Event()).outputs


@pytest.mark.parametrize(("inputs", "length"), [({}, 24), ({"length": 32}, 32)])
def test_a_password_is_random_url_safe_and_secret(inputs: Properties, length: int) -> None:
    password = made(**inputs)["password"]
    assert isinstance(password, Secret)
    padding = "=" * (-len(password.value) % 4)
    assert len(base64.b64decode(password.value + padding, altchars=b"-_", validate=True)) == length
    assert password != made(**inputs)["password"]


@pytest.mark.parametrize("change", [{"name": "p2"}, {"username": "root"}, {"length": 32}])
def test_only_a_change_of_the_inputs_makes_a_new_one(change: Properties) -> None:
    found = differences(Credential.table, INPUTS, {**INPUTS, **change})
    assert [item.change for item in found] == [Change.REPLACE]
    assert differences(Credential.table, INPUTS, {**INPUTS, "length": 24}) == []


@pytest.mark.parametrize("length", [8, 15, 257])
def test_a_short_or_huge_password_is_refused(length: int) -> None:
    assert validate(Credential.table, {**INPUTS, "length": length}, "X")[0].path == "length"


def test_the_password_is_marked_secret_wherever_it_is_given() -> None:
    recorded = {**INPUTS, "password": "hunter2-hunter2"}
    observed = Credential().read("p1", INPUTS, recorded)
    assert observed is not None
    for outputs in (observed.outputs, Credential().preview_update(INPUTS, recorded)):
        assert outputs["password"] == Secret("hunter2-hunter2")
    assert Credential().preview(INPUTS)["password"] == Secret(UNKNOWN)


def test_an_import_is_refused() -> None:
    with pytest.raises(PluginError, match="can't be imported"):
        Credential().read("p1", {}, {})
