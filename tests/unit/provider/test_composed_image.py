"""Combinations and indexes of platforms through the provider, against a scripted registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from codeopen.images.registry.registry import Registry
from provider.composed_image import ComposedImage
from provider.image_index import ImageIndex
from provider.protocol.errors import PluginError
from tests.engine.synthetic_parts import push, push_addon, push_base
from tests.unit.images.registry.scripted_registry import ScriptedRegistry, running
from tests.unit.provider.publishing import PLAN, PLAN_TAG, Protocol

NAME = "test/codeopen-js-db"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with running(ScriptedRegistry()) as started:
        yield Registry(started.host)


@pytest.fixture
def given(registry: Registry) -> dict[str, Any]:
    base = push_base(registry)
    flavor = push(registry, "test/codeopen-js", base, {"usr/lib/node": b"node"})
    parts = {"js": flavor.reference, "addon-db": push_addon(registry, "db", base).reference}
    return {
        "repository": f"{registry.host}/{NAME}",
        "platform": "linux/amd64",
        "version": "0.0.1",
        "planDigest": PLAN,
        "base": base.reference,
        "parts": [{"name": name, "planDigest": PLAN, "reference": ref} for name, ref in parts.items()],
        "builder": "none",
    }


def test_a_combination_is_signed_before_it_has_tags(
    registry: Registry, given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PluginError, match="codeopen:beforeTag: false failed on"):
        ComposedImage().create({**given, "beforeTag": "false"}, Event())
    assert registry.list_tags(NAME) == ()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "without the failure that is remembered"))
    signing = {**given, "beforeTag": f"sh -c 'echo $0 >>{tmp_path}/signed'"}
    outputs = ComposedImage().create(signing, Event()).outputs
    assert (tmp_path / "signed").read_text() == f"{outputs['ref']}\n"
    assert set(registry.list_tags(NAME)) == {"0.0.1", PLAN_TAG}


def test_an_index_of_platforms_is_signed_before_it_has_tags(registry: Registry, given: dict[str, Any]) -> None:
    image = ComposedImage().create({**given, "version": "0.0.1_amd64", "planDigest": f"sha256:{'9' * 64}"}, Event())
    inputs = {
        "repository": given["repository"],
        "version": "0.0.1",
        "planDigest": PLAN,
        "images": [{"platform": "linux/amd64", "reference": image.outputs["ref"]}],
    }
    with pytest.raises(PluginError, match="codeopen:beforeTag: false failed on"):
        ImageIndex().create({**inputs, "beforeTag": "false"}, Event())
    assert "0.0.1" not in registry.list_tags(NAME)
    ref = ImageIndex().create({**inputs, "beforeTag": "true"}, Event()).outputs["ref"]
    assert registry.find_manifest(NAME, "0.0.1") == str(ref).partition("@")[2]


@pytest.mark.parametrize("kind", ["ComposedImage", "ImageIndex"])
def test_the_command_that_signs_is_never_a_change(given: dict[str, Any], kind: str) -> None:
    if kind == "ImageIndex":
        given = {**{key: given[key] for key in ("repository", "version", "planDigest")}, "images": []}
    assert Protocol(kind).replaces(given, {**given, "beforeTag": "cosign sign"}) == []
