"""Parts that clash: the gate refuses them, BuildKit builds them as a chain, and the chain is composed with the rest."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence

import pytest

from codeopen.images.ondemand.builders.buildx import BuildxBuilder
from codeopen.images.ondemand.builders.job import BuildJob
from codeopen.images.ondemand.chains import ChainMember, build_chain
from codeopen.images.ondemand.composing import Identity, Ingredients, combine_once
from codeopen.images.ondemand.events import Event
from codeopen.images.ondemand.opening import Bench, Choices, open_bench
from codeopen.images.ondemand.tags import read_labels
from codeopen.model.plan.digest import plan_tag
from codeopen.model.plan.parts import BASE, PartId, PartKind
from tests.engine.oracle import AMD64
from tests.live import LiveStack

# The first two write one file in two ways; the third agrees with both.
PARTS = {
    "addon-one": "echo one >/etc/shared && echo 1 >/usr/local/one",
    "addon-two": "echo two >/etc/shared && echo 2 >/usr/local/two",
    "addon-three": "echo 3 >/usr/local/three",
}


@pytest.fixture(scope="module")
def bench(live: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        with open_bench(live.name, live.checkout, Choices()) as opened:
            yield opened


@pytest.fixture(scope="module")
def builder(bench: Bench) -> BuildxBuilder:
    return BuildxBuilder(bench.source.settings.builder, bench.source.checkout)


@pytest.fixture(scope="module")
def members(bench: Bench, builder: BuildxBuilder, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ChainMember]:
    """Each part built on the base, as all parts are."""
    base = bench.parts.find_all([BASE], AMD64)[BASE]
    made = {}
    for number, (name, command) in enumerate(PARTS.items()):
        folder = tmp_path_factory.mktemp(name)
        (folder / "Dockerfile").write_text(f"FROM base\nUSER root\nRUN {command}\nUSER developer\n")
        repository = f"{bench.tools.registry.host}/codeopen/codeopen-{name}"
        plan = f"sha256:{str(number) * 64}"
        context = {"base": f"docker-image://{base}"}
        job = BuildJob(name, repository, plan, AMD64, str(folder), context, {}, {})
        digest = builder.build(job, lambda _: None)
        made[name] = ChainMember(name, plan, f"{repository}@{digest}", str(folder), {}, {}, {})
    return made


def test_parts_that_clash_are_chained_and_the_chain_composed_with_the_rest(
    bench: Bench, builder: BuildxBuilder, members: dict[str, ChainMember]
) -> None:
    events: list[Event] = []

    def chain(unit: Sequence[str]) -> str:
        where = ("codeopen", "0.0.1-dev", AMD64)
        return build_chain(bench.tools, builder, [members[name] for name in unit], where, events.append)

    js = PartId(PartKind.FLAVOR, "js")
    found = bench.parts.find_all([BASE, js], AMD64)
    parts = {"js": str(found[js]), **{name: member.reference for name, member in members.items()}}
    identity = Identity("codeopen/codeopen-js-clash", "0.0.1-dev", f"sha256:{'c' * 64}", AMD64)
    ingredients = Ingredients(str(found[BASE]), parts, chain)
    combined = combine_once(bench.tools, identity, lambda _: ingredients, events.append)

    assert combined.arrangement is not None
    assert combined.arrangement.units == (("js",), ("addon-one", "addon-two"), ("addon-three",))
    (refusal,) = combined.arrangement.refusals
    assert [(finding.rule, finding.subject) for finding in refusal.verdict.findings] == [("same-files", "etc/shared")]
    assert any("addon-one and addon-two don't compose" in event.text for event in events), "it is said"
    reference = combined.reference
    labels = read_labels(bench.tools.registry, identity.repository, reference.rpartition("@")[2])
    assert labels["dev.codeopen.method"] == "chained"
    assert "addon-one with addon-two: same-files: etc/shared" in labels["dev.codeopen.reason"]
    assert "dev.codeopen.part.addon-one.addon-two" in labels
    command = ["docker", "run", "--rm", "--entrypoint", "cat", reference, "/etc/shared"]
    command += [f"/usr/local/{name}" for name in ("one", "two", "three")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["two", "1", "2", "3"], "the later part has its way, as in any chain"
    subprocess.run(["docker", "image", "rm", reference], check=True, capture_output=True)


def test_a_chain_is_found_by_its_plan(bench: Bench, members: dict[str, ChainMember]) -> None:
    where = ("codeopen", "0.0.1-dev", AMD64)
    unit = [members["addon-one"], members["addon-two"]]
    reference = build_chain(bench.tools, None, unit, where, lambda _: None)
    repository, _, digest = reference.partition("/")[2].partition("@")
    plan = read_labels(bench.tools.registry, repository, digest)["dev.codeopen.plan-digest"]
    assert bench.tools.registry.find_manifest(repository, plan_tag(plan)) == digest
    assert json.loads(bench.tools.registry.read_manifest(repository, digest).content)["layers"]


def test_a_build_that_fails_tells_its_log_and_leaves_no_tag(bench: Bench, live: LiveStack) -> None:
    """The real builder, with a Dockerfile that ends badly; the next caller is told at once."""
    dockerfile = live.checkout / "dockerfiles" / "addons" / "cloud" / "Dockerfile"
    before = dockerfile.read_text()
    dockerfile.write_text("FROM base\nRUN echo so far so good && exit 9\n")
    words = ("ensure", "--flavor", "js", "--addon", "cloud")
    try:
        first, second = (live.codeopen(*words, check=False) for _ in range(2))
    finally:
        dockerfile.write_text(before)
    assert first.returncode == second.returncode == 1
    assert "addon-cloud: the build by builder" in first.stderr
    assert "so far so good" in first.stderr
    assert "addon-cloud" in second.stderr
    assert bench.tools.registry.list_tags("codeopen/codeopen-addon-cloud") == ()
    assert bench.tools.registry.list_tags("codeopen/codeopen-js-cloud") == ()
