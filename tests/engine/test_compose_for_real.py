"""A combination that a real stack composed in its real registry, and the oracle: the same combination, chained."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from codeopen.images.compose.part_index import PartIndex
from codeopen.images.compose.store import IndexStore, PartImage
from codeopen.images.ondemand.builders.buildx import BuildxBuilder
from codeopen.images.ondemand.builders.job import BuildJob
from codeopen.images.ondemand.opening import Bench, Choices, open_bench
from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.parts import BASE, PartId, PartKind
from tests.engine.oracle import AMD64, compare
from tests.live import LiveStack

SAMPLE = Combination("js", ("databases",))


@pytest.fixture(scope="module")
def bench(live: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        with open_bench(live.name, live.checkout, Choices()) as opened:
            yield opened


@pytest.fixture(scope="module")
def composed(live: LiveStack) -> str:
    image = live.outputs()["images"]["js-db"]
    assert (image["method"], image["reason"]) == ("composed", "")
    return str(image["reference"])


def index_of(bench: Bench, live: LiveStack, name: str, base: PartIndex | None = None) -> PartIndex:
    repository, _, digest = live.outputs()["images"][name]["reference"].partition("/")[2].partition("@")
    return bench.tools.store.get(PartImage(repository, digest, AMD64), base)


def test_the_composed_image_is_the_chained_one_file_by_file(bench: Bench, composed: str) -> None:
    assert bench.ensurer.ensure(SAMPLE, AMD64, lambda _: None).reference == composed, "the stack's own is found"
    assert compare(bench, SAMPLE, bench.tools) == []


def test_the_index_is_kept_beside_the_part_and_found_by_others(bench: Bench, live: LiveStack, tmp_path: Path) -> None:
    base = index_of(bench, live, "base")
    known = index_of(bench, live, "addon-databases", base)
    elsewhere = IndexStore(bench.tools.registry, tmp_path)
    made: list[str] = []
    elsewhere._make = lambda *_: made.append("made") or known  # type: ignore[method-assign,func-returns-value]
    assert elsewhere.get(PartImage(known.repository, known.digest, AMD64), base) == known
    assert not made, "it was read from the registry, not made again"


def run(composed: str, *command: str, user: str = "developer") -> str:
    words = ["docker", "run", "--rm", "--user", user, "--entrypoint", command[0], composed, *command[1:]]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("pnpm", "--version"), "12."),
        (("psql", "--version"), "psql (PostgreSQL)"),
        (("mongosh", "--version"), "2."),
        (("dpkg", "--audit"), ""),
        (("apt-get", "check"), ""),
    ],
)
def test_the_engine_runs_it_and_its_package_manager_finds_it_whole(
    composed: str, command: tuple[str, ...], said: str
) -> None:
    user = "root" if command[0] == "apt-get" else "developer"
    assert run(composed, *command, user=user).startswith(said)


def test_dpkg_and_the_linker_know_what_both_parts_brought(bench: Bench, composed: str, live: LiveStack) -> None:
    listed = set(run(composed, "dpkg-query", "--show", "--showformat", "${Package}:${Architecture}\\n").split())
    base = index_of(bench, live, "base")
    parts = [index_of(bench, live, name, base) for name in ("js", "addon-databases")]
    assert listed == {key for part in parts for key in part.packages.stanzas}
    assert "libpq.so.5" in run(composed, "/sbin/ldconfig", "-p")


def test_a_manifest_names_what_is_there(bench: Bench, composed: str) -> None:
    repository, _, digest = composed.partition("/")[2].partition("@")
    manifest = json.loads(bench.tools.registry.read_manifest(repository, digest).content)
    for descriptor in (manifest["config"], *manifest["layers"]):
        assert bench.tools.registry.has_blob(repository, descriptor["digest"])


def test_one_more_package_installs_on_it(bench: Bench, composed: str, tmp_path: Path) -> None:
    """As a further add-on would: dpkg and apt go on where the merged databases leave them."""
    source, addon = bench.source, PartId(PartKind.ADDON, "databases")
    references = bench.parts.find_all((BASE, addon), AMD64)
    member = source.chain_member(source.by_id[addon], AMD64, {part: str(ref) for part, ref in references.items()})
    (tmp_path / "Dockerfile").write_text(
        "FROM base\nUSER root\n"
        "RUN --mount=type=bind,from=package-archive,target=/run/package-archive \\\n"
        "    /usr/local/lib/codeopen/install-packages.sh tree && dpkg --audit && apt-get check\nUSER developer\n"
    )
    job = BuildJob(
        name="one more",
        repository=composed.partition("@")[0].replace("js-db", "js-db-tree"),
        plan_digest="",
        platform=AMD64,
        context=str(tmp_path),
        named_contexts={**member.named_contexts, "base": f"docker-image://{composed}"},
        build_arguments={},
        labels={},
    )
    digest = BuildxBuilder(source.settings.builder, source.checkout).build(job, lambda _: None)
    listed = run(f"{job.repository}@{digest}", "dpkg-query", "--show", "--showformat", "${Package} ${Status}\n")
    states = dict(line.split(" ", 1) for line in listed.splitlines())
    assert states["tree"] == "install ok installed"
    assert states["redis-tools"] == "install ok installed", "what the parts brought is still there"
