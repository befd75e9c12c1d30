from __future__ import annotations

from dataclasses import fields, replace

import pytest

from codeopen.model.plan.context import ContextFile
from codeopen.model.plan.digest import PlanInputs, UpstreamPin, combination_digest, plan_digest

FILE = ContextFile("run.sh", "sha256:01", 3, executable=False)
PIN = UpstreamPin("node", "docker.io/library/node:22", "22.1.0", "sha256:02")
INPUTS = PlanInputs(
    *("js", "linux/amd64", "sha256:00", (FILE,), (PIN,), (("A", "1"),), "sha256:03", (("go", "sha256:04"),)),
    labels=(("L", "1"),),
)


def test_the_encoding_is_stable() -> None:
    """A change here gives every image of every release a new identity: raise FORMAT, and say so in the change."""
    assert plan_digest(INPUTS) == "sha256:cd2391bbbbd6abe91cfb48d48a54261b5b3f1ecf6d5ed830272f57caf0f3f0fa"


CHANGES = [
    replace(INPUTS, part="go"),
    replace(INPUTS, platform="linux/arm64"),
    replace(INPUTS, dockerfile="sha256:ff"),
    replace(INPUTS, parent=None),
    replace(INPUTS, files=()),
    replace(INPUTS, files=(FILE, replace(FILE, path="z"))),
    *(
        replace(INPUTS, files=(replace(FILE, **change),))
        for change in ({"path": "x"}, {"digest": "sha256:ff"}, {"executable": True}, {"link": "x"})
    ),
    replace(INPUTS, upstreams=()),
    *(replace(INPUTS, upstreams=(replace(PIN, **{field.name: "x"}),)) for field in fields(PIN)),
    replace(INPUTS, takes=()),
    replace(INPUTS, takes=(("go", "sha256:ff"),)),
    replace(INPUTS, takes=(("rust", "sha256:04"),)),
    replace(INPUTS, build_arguments=()),
    replace(INPUTS, build_arguments=(("A", "2"),)),
    replace(INPUTS, build_arguments=(("B", "1"),)),
    replace(INPUTS, labels=()),
    replace(INPUTS, labels=(("L", "2"),)),
    replace(INPUTS, labels=(("M", "1"),)),
]


@pytest.mark.parametrize("changed", CHANGES)
def test_every_input_counts(changed: PlanInputs) -> None:
    assert plan_digest(changed) != plan_digest(INPUTS)


def test_all_these_differ_from_each_other_too() -> None:
    assert len({plan_digest(changed) for changed in CHANGES}) == len(CHANGES)


def test_a_combination_is_its_parts_in_their_order() -> None:
    digests = {
        combination_digest("linux/amd64", ["sha256:1", "sha256:2"]),
        combination_digest("linux/amd64", ["sha256:2", "sha256:1"]),
        combination_digest("linux/arm64", ["sha256:1", "sha256:2"]),
        combination_digest("linux/amd64", ["sha256:1"]),
    }
    assert len(digests) == 4
