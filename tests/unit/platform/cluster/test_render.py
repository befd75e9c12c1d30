"""Rendered files: no secret in them, and the same bytes for the same objects."""

from __future__ import annotations

import random
from typing import Any

import pytest
import yaml

from codeopen.platform.cluster.objects import Object, Reference, SecretValue, make_object
from codeopen.platform.cluster.platform_objects import platform_objects
from codeopen.platform.cluster.render import CLUSTER_FILE, render
from codeopen.platform.cluster.validation import validate
from tests.unit.platform.cluster.test_platform import FULL, IMAGES, WARM

SECRET = "hunter2-of-the-test"


def secret(body: dict[str, Any], **metadata: Any) -> Object:
    return make_object("v1", "Secret", "one", body, namespace="here", **metadata)


def whole(*objects: Object, images: dict[str, str] | None = None) -> str:
    return "\n".join(render(objects, images or {}).values())


@pytest.mark.parametrize(
    "each",
    [
        secret({"type": "Opaque", "stringData": {"password": SECRET}}),
        secret({"type": "Opaque", "data": {"password": SECRET}}),
        secret({"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": SECRET}}),
        secret(
            {"type": "Opaque", "stringData": {}},
            annotations={"kubectl.kubernetes.io/last-applied-configuration": SECRET},
        ),
    ],
)
def test_a_secret_never_shows(each: Object) -> None:
    assert SECRET not in whole(each)


def test_a_secret_value_never_shows_wherever_it_stands() -> None:
    names = ("in-secret", "in-list", "in-annotation", "in-env")
    body = {"spec": {"containers": [{"name": "a", "env": [{"name": "A", "value": SecretValue("in-env")}]}]}}
    text = whole(
        secret({"stringData": {"a": SecretValue("in-secret")}}),
        make_object("v1", "Pod", "a", {**body, "list": [[SecretValue("in-list")]]}, namespace="here"),
        make_object(
            "v1",
            "ConfigMap",
            "a",
            {},
            namespace="here",
            annotations={"a": SecretValue("in-annotation")},  # type: ignore[dict-item]
        ),
    )
    assert text.count("REDACTED") == len(names) + text.count("# Made by")
    assert "SecretValue" not in text


def test_the_files_of_the_platform() -> None:
    files = render(platform_objects(FULL, IMAGES, WARM), {})
    assert list(files) == [CLUSTER_FILE, "codeopen-builder.yaml", "codeopen-system.yaml"]
    for name, text in files.items():
        documents = list(yaml.safe_load_all(text))
        if name != CLUSTER_FILE:
            assert documents[0]["kind"] == "Namespace"
            assert {one["metadata"].get("namespace", one["metadata"]["name"]) for one in documents} == {
                name.removesuffix(".yaml")
            }
        assert not validate(Object(one) for one in documents)
        assert "&id" not in text, "no anchors: people read these"
    assert sum(len(list(yaml.safe_load_all(text))) for text in files.values()) == len(
        platform_objects(FULL, IMAGES, WARM)
    )


def test_images_are_those_of_the_stack_or_their_tags() -> None:
    objects = platform_objects(FULL, IMAGES, WARM)
    made = "r.example/js@sha256:" + "1" * 64
    assert "image: r.example/js:1" in whole(*objects)
    text = whole(*objects, images={"js": made})
    assert f"image: {made}" in text
    assert "r.example/js:1" not in text
    assert "image: r.example/base:1" in text


def test_the_same_objects_give_the_same_bytes_in_any_order() -> None:
    objects = list(platform_objects(FULL, IMAGES, WARM))
    expected = dict(render(objects, {}))
    for seed in range(5):
        random.Random(seed).shuffle(objects)  # noqa: S311
        assert list(render(objects, {}).items()) == list(expected.items())


def test_a_text_of_several_lines_is_a_block() -> None:
    config = make_object("v1", "ConfigMap", "a", {"data": {"a.sh": "#!/bin/sh\necho\n"}}, namespace="here")
    text = whole(config)
    assert "a.sh: |\n    #!/bin/sh\n    echo\n" in text


def test_a_reference_inside_a_list_is_written_too() -> None:
    job = make_object("v1", "Job", "a", {"images": [Reference("a", "r.example/a:1")]}, namespace="here")
    assert "- r.example/a:1" in whole(job)
