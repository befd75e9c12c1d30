from __future__ import annotations

import pytest

from codeopen.images.registry.contents import ImageSize
from codeopen.platform.deploy import report
from codeopen.platform.deploy.events import Event
from codeopen.platform.deploy.report import list_images, list_projects
from tests.unit.stand_ins import StandIns

NAMES = ("base", "js", "js-extra", "addon-gui", "js-gui")
IMAGES = {name: {"reference": f"r/{name}@sha256:1", "image": f"r/{name}:1"} for name in NAMES}
DEMO = {"urls": {"opencode": "u"}, "cpu": "1", "memory": "2Gi", "storage_gb": 20, "container": "codeopen-dev-demo"}


@pytest.fixture(autouse=True)
def sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "read_image_size", lambda reference: ImageSize(len(reference), 1000))


def event(name: str, operation: str = "create", seconds: int = 3, *, built: bool = False) -> Event:
    return Event(operation, "docker-build:index:Image", name, seconds, built=built, failed=False)


def work(*events: Event) -> dict[str, tuple[str, int]]:
    rows = list_images({"images": IMAGES}, events)
    return {row.part: (row.work, row.seconds) for row in rows if row.work != "unchanged"}


def test_a_row_has_the_tagged_name_and_the_digest() -> None:
    row = list_images({"images": IMAGES}, ())[1]
    assert (row.part, row.image, row.reference) == ("js", "r/js:1", "r/js@sha256:1")
    assert (row.unpacked_bytes, row.compressed_bytes, row.work, row.seconds) == (1000, 13, "unchanged", 0)


def test_each_event_counts_for_its_own_part() -> None:
    assert work(event("parts-js-extra-amd64", built=True)) == {"js-extra": ("built", 3)}
    assert work(event("parts-js-amd64"), event("parts-js-extra-arm64")) == {
        "js": ("cached", 3),
        "js-extra": ("cached", 3),
    }
    assert work(event("parts-addon-gui-amd64")) == {"addon-gui": ("cached", 3)}
    assert work(event("combinations-js-gui-amd64")) == {"js-gui": ("cached", 3)}


def test_only_what_makes_an_image_counts() -> None:
    assert work(event("parts-js-amd64", "same"), event("parts-js-amd64", "read")) == {}
    replaced = [
        event("parts-js-amd64", name, built=True) for name in ("create-replacement", "replace", "delete-replaced")
    ]
    assert work(*replaced) == {"js": ("built", 3)}
    assert work(Event("create", "docker:index:Image", "parts-js-amd64", 1, built=True, failed=False)) == {}


def test_platforms_of_a_part_count_together() -> None:
    assert work(event("parts-js-amd64", seconds=4), event("parts-js-arm64", seconds=5, built=True)) == {
        "js": ("built", 9)
    }


@pytest.mark.parametrize(
    ("answer", "health"),
    [
        ("""echo '{"Status": "running", "Health": {"Status": "healthy"}}'""", "healthy"),
        ("""echo '{"Status": "exited", "Health": {"Status": "unhealthy"}}'""", "unhealthy"),
        ("""echo '{"Status": "running"}'""", "running"),
        ("""echo '{"Status": "created", "Health": null}'""", "created"),
        ("echo 'Error: No such container: x' >&2; exit 1", "absent"),
        ("echo 'Cannot connect to the Docker daemon' >&2; exit 1", "unknown"),
    ],
)
def test_health_is_the_engines_word(stand_ins: StandIns, answer: str, health: str) -> None:
    stand_ins.put("docker", answer)
    (row,) = list_projects({"projects": {"demo": DEMO}})
    assert (row.project, row.url, row.cpu, row.memory, row.storage_gb) == ("demo", "u", "1", "2Gi", 20)
    assert row.health == health
    assert stand_ins.calls[0].endswith(" codeopen-dev-demo")


def test_an_empty_stack_has_no_rows() -> None:
    assert list_images({}, ()) == []
    assert list_projects({}) == []
