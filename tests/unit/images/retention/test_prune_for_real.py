"""Pruning a real registry: what is kept can be pulled whole, and its own collector frees what was announced."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from codeopen.cli.command import Invocation, Outcome
from codeopen.cli.main import main
from codeopen.cli.registry import run
from codeopen.errors import NoSuchEntryError, RegistryError, UsageError
from codeopen.images.registry.registry import Registry
from codeopen.images.retention.apply import prune
from codeopen.images.retention.decisions import KeepRules, make_plan
from codeopen.images.retention.inventory import InventoryReader
from codeopen.images.retention.references import read_references
from codeopen.images.retention.stored import Key, Kind, RetentionError
from tests.live import ROOT, free_port
from tests.unit.images.registry.real_registry import RealRegistry, debian_2, distribution_3, serving
from tests.unit.images.retention.images import Image, Writer

NOW = datetime.now(UTC)
RULES = KeepRules(1, timedelta(hours=24))


@pytest.fixture
def real(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RealRegistry]:
    program = debian_2() if getattr(request, "param", 3) == 2 else distribution_3()
    with serving(program, tmp_path) as registry:
        yield registry


class Stand:
    """A registry with a history: two generations of parts, a combination of each, a released one."""

    def __init__(self, host: str) -> None:
        self.registry = Registry(host)
        self.write = write = Writer(self.registry)
        self.generations: list[dict[str, Image]] = []
        for number in range(3):
            made = NOW - timedelta(days=30 - number)
            base_layers = [write.layer("codeopen/codeopen-base")]
            images = {"base": write.image("codeopen/codeopen-base", base_layers, made, f"plan-{number}0")}
            for name in ("js", "addon-gui", "addon-unused"):
                repository = f"codeopen/codeopen-{name}"
                layers = [*base_layers, write.layer(repository)]
                images[name] = write.image(repository, layers, made)
                # Tags name an index with an attestation, as BuildKit's do.
                index = write.index(images[name], f"plan-{number}1", "0.0.2-dev")
                images[f"{name}-index"] = Image(repository, index, ())
                write.part_index(repository, index)
            composed = "codeopen/codeopen-js-gui"
            layers = [*images["js"].layers, images["addon-gui"].layers[-1], write.layer(composed, 900)]
            tags = [f"plan-{number}2", *(["0.0.1"] if number == 0 else ["0.0.2-dev"])]
            images["js-gui"] = write.image(composed, layers, None, *tags)
            self.generations.append(images)
        self.foreign = write.image("others/copy", [self.generations[1]["js"].layers[-1]], NOW, "latest")

    def reader(self) -> InventoryReader:
        return InventoryReader(self.registry, "codeopen", RULES.references)

    def is_whole(self, repository: str, digest: str) -> bool:
        """Whether an image can be pulled: every blob, read and proved."""
        manifest = self.registry.get_manifest(repository, digest)
        if manifest is None:
            return False
        parsed = manifest.parsed()
        for blob in (parsed["config"], *parsed["layers"]) if "config" in parsed else ():
            self.registry.read_blob(repository, blob["digest"])
        return all(self.is_whole(repository, entry["digest"]) for entry in parsed.get("manifests", ()))


@pytest.fixture
def stand(real: RealRegistry) -> Stand:
    return Stand(real.host)


def invoke(host: str, *, apply: bool = False, output: str = "json", **options: Any) -> Outcome:
    given = {"registry": host, "owner": "codeopen", "keep": 1, "grace": 24, "projects": [], "keep_list": []}
    given |= {"no_projects": True, "apply": apply, "allow_missing": False, **options}
    return run(Invocation(Namespace(**given), Path("catalog"), output))


@pytest.mark.parametrize("real", [3, 2], ids=["distribution-3", "debian-2.8"], indirect=True)
def test_what_is_kept_is_whole_and_what_was_announced_is_freed(stand: Stand, real: RealRegistry) -> None:
    oldest, middle, newest = stand.generations
    planned = json.loads(invoke(real.host).output)
    assert not planned["applied"]
    assert stand.is_whole(middle["js"].repository, middle["js"].digest), "a plan removes nothing"
    # The first combination is released, so its parts stay; the second is neither that nor among the last.
    done = json.loads(invoke(real.host, apply=True).output)
    assert {**planned, "applied": True} == done
    kept = {(row["repository"], row["digest"]) for row in done["manifests"] if row["kept"]}
    for generation, names in ((oldest, ("base", "js", "addon-gui", "js-gui")), (newest, tuple(newest))):
        assert kept >= {(generation[name].repository, generation[name].digest) for name in names}
    for repository, digest in kept:
        assert stand.is_whole(repository, digest)
    gone = [*middle.values(), oldest["addon-unused"], oldest["addon-unused-index"]]
    for image in gone:
        assert stand.registry.get_manifest(image.repository, image.digest) is None
    assert stand.is_whole(stand.foreign.repository, stand.foreign.digest)
    before = real.size
    real.collect_garbage()
    assert before - real.size == done["freed_bytes"] > 200_000
    for repository, digest in (*kept, (stand.foreign.repository, stand.foreign.digest)):
        assert stand.is_whole(repository, digest), "the collector left what is kept"
    again = json.loads(invoke(real.host, apply=True).output)
    assert (again["removed"], again["freed_bytes"]) == (0, 0)


def test_the_inventory_is_what_was_written(stand: Stand) -> None:
    inventory = stand.reader().read()
    kinds = [manifest.kind for _, manifest in inventory]
    assert {kind: kinds.count(kind) for kind in Kind} == {
        Kind.IMAGE: 3 * 5,
        Kind.INDEX: 3 * 3 * 2,
        Kind.ATTESTATION: 9,
        Kind.ARTIFACT: 9,
        Kind.OTHER: 0,
    }
    image = stand.generations[1]["js"]
    stored = inventory.repositories[image.repository].manifests[image.digest]
    assert stored.diff_ids == image.layers
    assert stored.created == NOW - timedelta(days=29)
    composed = stand.generations[1]["js-gui"]
    assert inventory.repositories[composed.repository].manifests[composed.digest].created is None
    assert image.layers[-1] in inventory.outside
    assert "others/copy" not in inventory.repositories


def test_an_untagged_image_of_a_project_is_found_and_kept(stand: Stand, tmp_path: Path) -> None:
    image = stand.write.image("codeopen/codeopen-js-gui", [stand.write.layer("codeopen/codeopen-js-gui")], None)
    file = tmp_path / "projects.json"
    reference = f"registry.internal:5000/{image.repository}@{image.digest}"
    file.write_text(json.dumps({"projects": {"demo": {"reference": reference}}}))
    outcome = invoke(stand.registry.host, apply=True, projects=[str(file)], no_projects=False)
    (row,) = [row for row in json.loads(outcome.output)["manifests"] if row["digest"] == image.digest]
    assert (row["kept"], row["reasons"]) == (True, ["project demo"])
    assert stand.is_whole(image.repository, image.digest)


def test_what_is_published_in_the_meantime_is_kept_with_its_parts(stand: Stand) -> None:
    reader, middle = stand.reader(), stand.generations[1]
    inventory = reader.read()
    planned = {decision.key for decision in make_plan(inventory, RULES, NOW).removed}
    image = middle["js-gui"]
    assert Key(image.repository, image.digest) in planned
    # Somebody rolls back to the second combination.
    manifest = stand.registry.read_manifest(image.repository, image.digest)
    stand.registry.write_manifest(image.repository, "0.0.2-dev", manifest.media_type, manifest.content)
    prune(stand.registry, reader, inventory, RULES, NOW)
    for kept in (image, middle["js-index"], middle["addon-gui-index"], middle["base"]):
        assert stand.is_whole(kept.repository, kept.digest)
    unused = middle["addon-unused-index"]
    assert not stand.is_whole(unused.repository, unused.digest), "others are pruned as planned"


def test_what_is_composed_in_the_meantime_is_kept_though_its_parts_are_old(stand: Stand) -> None:
    reader, oldest = stand.reader(), stand.generations[0]
    inventory = reader.read()
    layers = [*oldest["js"].layers, oldest["addon-unused"].layers[-1], stand.write.layer("codeopen/codeopen-js-gui")]
    image = stand.write.image("codeopen/codeopen-js-gui", layers, None, "plan-a")
    prune(stand.registry, reader, inventory, RULES, NOW)
    for kept in (image, oldest["addon-unused-index"]):
        assert stand.is_whole(kept.repository, kept.digest)
    # Nothing but that protects it: a registry does not tell when it was written.
    again = stand.reader()
    prune(stand.registry, again, again.read(), RULES, NOW)
    assert not stand.is_whole(image.repository, image.digest)


@pytest.mark.parametrize("how", ["new", "moved", "another"])
def test_what_is_published_while_deleting_is_left(stand: Stand, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """After the second look: when the first deletion is done, in the repository that comes next."""
    image = stand.generations[1]["js-index"]
    manifest = stand.registry.read_manifest(image.repository, image.digest)
    delete, write = stand.registry.delete_manifest, stand.registry.write_manifest
    published: list[str] = []

    def publish(repository: str, digest: str) -> None:
        if repository < image.repository and not published:
            published.append(repository)
            if how == "another":
                layers = [stand.write.layer(image.repository)]
                stand.write.image(image.repository, layers, NOW, "plan-abc")
            else:
                tag = "0.0.9" if how == "new" else "0.0.2-dev"
                write(image.repository, tag, manifest.media_type, manifest.content)
        delete(repository, digest)

    monkeypatch.setattr(stand.registry, "delete_manifest", publish)
    reader = stand.reader()
    done = prune(stand.registry, reader, reader.read(), RULES, NOW)
    assert published
    assert Key(image.repository, image.digest) in done.left
    assert stand.is_whole(image.repository, image.digest)


def test_an_interrupted_prune_is_finished_by_the_next(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    for stop in range(4):
        left, delete = stop, Registry.delete_manifest

        def fail(registry: Registry, repository: str, digest: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise RegistryError("the network is gone")
            delete(registry, repository, digest)  # noqa: B023

        with monkeypatch.context() as patch:
            patch.setattr(Registry, "delete_manifest", fail)
            with pytest.raises(RegistryError):
                invoke(stand.registry.host, apply=True)
        for name, repository in stand.reader().read().repositories.items():
            for digest in repository.tags.values():
                assert stand.is_whole(name, digest), "a tag never names what is broken"
    assert json.loads(invoke(stand.registry.host, apply=True).output)["removed"] > 10
    assert json.loads(invoke(stand.registry.host, apply=True).output)["removed"] == 0


def test_people_see_a_table(stand: Stand) -> None:
    outcome = invoke(stand.registry.host, output="text")
    lines = [line.split(maxsplit=4) for line in outcome.output.splitlines()]
    assert lines[0] == ["REPOSITORY", "DIGEST", "TAGS", "STATE", "REASON"]
    middle = stand.generations[1]["js-index"].digest.removeprefix("sha256:")[:12]
    assert ["codeopen-js", middle, "plan-11", "removed", "at least 1 newer ones"] in lines
    assert "Nothing was removed: this is the plan. Remove with --apply.\n" in outcome.output
    assert "run `registry garbage-collect` on it while nobody pushes, without --delete-untagged." in outcome.output


def test_references_that_name_nothing_are_told(stand: Stand, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("codeopen/codeopen-js:0.0.7 # since yesterday\n")
    outcome = invoke(stand.registry.host, keep_list=[str(tmp_path / "list")])
    assert outcome.errors == "codeopen/codeopen-js:0.0.7 (keep list): the registry has no such image\n"


@pytest.mark.parametrize("name", ["mirror.corp/proxy/codeopen/codeopen-js", "elsewhere.example/images/js"])
def test_a_project_s_image_is_kept_whatever_it_calls_the_repository(stand: Stand, tmp_path: Path, name: str) -> None:
    image = stand.generations[1]["js"]
    stand.registry.delete_manifest(image.repository, stand.generations[1]["js-index"].digest)  # no tag leads to it
    (tmp_path / "list").write_text(f"{name}@{image.digest}\n")
    listed: dict[str, Any] = {"projects": [str(tmp_path / "list")], "no_projects": False}
    outcome = invoke(stand.registry.host, apply=True, **listed)
    assert outcome.errors == ""
    (row,) = [row for row in json.loads(outcome.output)["manifests"] if row["digest"] == image.digest]
    assert (row["kept"], row["reasons"]) == (True, ["project"])
    assert stand.is_whole(image.repository, image.digest)


def test_nothing_is_removed_while_a_project_s_image_is_not_found(stand: Stand, tmp_path: Path) -> None:
    lost = f"mirror.corp/proxy/codeopen/codeopen-js@sha256:{'0' * 64}"
    (tmp_path / "list").write_text(f"{lost}\n")
    listed: dict[str, Any] = {"projects": [str(tmp_path / "list")], "no_projects": False}
    before = stand.reader().read()
    with pytest.raises(
        RetentionError, match=r"not found:\n  proxy/codeopen/codeopen-js@sha256:0+ .project.\n.*--allow-mi"
    ):
        invoke(stand.registry.host, apply=True, **listed)
    assert stand.reader().read() == before
    assert json.loads(invoke(stand.registry.host, **listed).output)["missing"], "a plan only tells"
    assert json.loads(invoke(stand.registry.host, apply=True, allow_missing=True, **listed).output)["removed"] > 0


def test_projects_must_be_spoken_of_before_anything_is_removed(stand: Stand) -> None:
    with pytest.raises(UsageError, match=r"give --projects FILE, or say --no-projects"):
        invoke(stand.registry.host, apply=True, no_projects=False)
    with pytest.raises(NoSuchEntryError, match="no repository below nobody/; see --owner"):
        invoke(stand.registry.host, owner="nobody")
    with pytest.raises(UsageError, match="numbers from 0 on"):
        invoke(stand.registry.host, keep=-1)


def test_a_registry_that_nobody_serves_is_told() -> None:
    with pytest.raises(RegistryError, match="listing its repositories: no answer"):
        invoke(f"127.0.0.1:{free_port()}")


def test_the_page_that_describes_it_is_followed(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs/how-to/prune-a-registry.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    commands = [shlex.split(block) for block in blocks if block.startswith("codeopen registry prune ")]
    assert [block.split()[0] for block in blocks] == ["pulumi", "codeopen", "kubectl", "codeopen", "codeopen", "docker"]
    assert blocks[0].startswith("pulumi stack output --json ")
    assert blocks[0].endswith(" >projects.json\n")
    image = stand.generations[1]["js-gui"]
    project = {"image": "localhost:5000/codeopen/codeopen-js-gui:0.0.2-dev"}
    project["reference"] = f"localhost:5000/{image.repository}@{image.digest}"
    (tmp_path / "projects.json").write_text(json.dumps({"images": {}, "projects": {"demo": project}}))
    monkeypatch.chdir(tmp_path)
    for command in commands:
        words = [stand.registry.host if word == "localhost:5000" else word for word in command]
        assert words[0] == "codeopen"
        words[words.index("--keep") + 1] = "1"  # the history here is short
        assert main([*words[1:], "--format", "json"]) == 0
        done = json.loads(capsys.readouterr().out)
        assert done["applied"] == ("--apply" in words)
        (row,) = [row for row in done["manifests"] if row["digest"] == image.digest]
        assert row["reasons"] == ["project demo"]
    assert done["removed"] > 0
    assert stand.is_whole(image.repository, image.digest)


def test_the_page_lists_the_projects_of_a_cluster(tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/prune-a-registry.md").read_text(encoding="utf-8")
    (words,) = re.findall(r"^codeopen project list .* --format json \| jq -r '(.*)' >staging\.txt$", page, re.MULTILINE)
    reference = f"registry.example.com/codeopen/codeopen-js@sha256:{'a' * 64}"
    # As codeopen/cli/workspaces.py says them: one runs, one hibernates, one is removed.
    rows = [
        {"project": "shop", "image": reference},
        {"project": "news", "image": reference},
        {"project": "old", "image": ""},
    ]
    listed = json.dumps({"projects": rows})
    done = subprocess.run(["jq", "-r", words], input=listed, capture_output=True, text=True, check=True)
    (tmp_path / "staging.txt").write_text(done.stdout)
    read = read_references(tmp_path / "staging.txt", "project")
    assert [str(each) for each in read] == [f"codeopen/codeopen-js@sha256:{'a' * 64}"] * 2
