"""What signs is run before any tag is written, whoever publishes: a part, a chain, an index of platforms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from codeopen.errors import OnDemandError
from codeopen.images.compose.store import IndexStore
from codeopen.images.compose.verdicts import Verdicts
from codeopen.images.locks.no_lock import NoLocks
from codeopen.images.ondemand import opening
from codeopen.images.ondemand.builders.job import BuildJob, Log
from codeopen.images.ondemand.chains import ChainMember, build_chain, build_once
from codeopen.images.ondemand.composing import Tools
from codeopen.images.ondemand.events import Event
from codeopen.images.ondemand.opening import Choices, open_bench
from codeopen.images.ondemand.platforms import IndexName, publish_index
from codeopen.images.ondemand.signing import command_hook
from codeopen.images.registry.registry import Registry
from codeopen.model.plan.digest import plan_tag
from tests.engine.synthetic_parts import push, push_base
from tests.live import ROOT
from tests.unit.images.registry.scripted_registry import ScriptedRegistry, running

AMD64, VERSION = "linux/amd64", "0.0.1-dev"
PLAN, OTHER_PLAN = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
REPOSITORY = "test/codeopen-addon-gui"


@dataclass
class Pusher:
    """A builder that pushes an image without a tag, as BuildKit does."""

    registry: Registry
    jobs: list[BuildJob] = field(default_factory=list)

    def build(self, job: BuildJob, log: Log) -> str:
        log("building")
        self.jobs.append(job)
        pushed = push(self.registry, job.repository.partition("/")[2], None, {"usr/": None, f"usr/{job.name}": b"x"})
        return pushed.reference.partition("@")[2]


@dataclass
class Signer:
    """Notes what it is given, and which tags the registry has by then."""

    registry: Registry
    works: bool = True
    signed: list[str] = field(default_factory=list)
    tags: list[Sequence[str]] = field(default_factory=list)

    def __call__(self, reference: str) -> None:
        repository, _, digest = reference.partition("/")[2].partition("@")
        assert self.registry.find_manifest(repository, digest) == digest, "it is there to be signed"
        self.signed.append(reference)
        self.tags.append(self.registry.list_tags(repository))
        if not self.works:
            raise OnDemandError("not signed")


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running(ScriptedRegistry()) as started:
        yield Registry(started.host)


@pytest.fixture
def tools(registry: Registry, tmp_path: Path) -> Iterator[Tools]:
    with ThreadPoolExecutor(2) as workers:
        yield Tools(registry, IndexStore(registry, tmp_path / "i"), Verdicts(tmp_path), NoLocks(), workers)


def job(registry: Registry) -> BuildJob:
    return BuildJob("addon-gui", f"{registry.host}/{REPOSITORY}", PLAN, AMD64, "context", {}, {}, {})


def test_a_part_is_signed_before_it_has_tags(registry: Registry, tools: Tools) -> None:
    signer = Signer(registry)
    events: list[Event] = []
    reference = build_once(replace(tools, before_tag=signer), Pusher(registry), job(registry), VERSION, events.append)
    assert (signer.signed, signer.tags) == ([reference], [()])
    assert set(registry.list_tags(REPOSITORY)) == {VERSION, plan_tag(PLAN)}
    assert [event.step.value for event in events] == ["building", "log", "built", "signing", "done"]


def test_a_part_that_is_not_signed_is_found_by_nobody(registry: Registry, tools: Tools) -> None:
    with pytest.raises(OnDemandError, match="not signed"):
        build_once(
            replace(tools, before_tag=Signer(registry, works=False)),
            Pusher(registry),
            job(registry),
            VERSION,
            lambda _: None,
        )
    assert registry.list_tags(REPOSITORY) == ()


def test_each_link_of_a_chain_is_signed(registry: Registry, tools: Tools) -> None:
    signer = Signer(registry)
    first = push_base(registry).reference
    members = [
        ChainMember(name, f"sha256:{number * 64}", first, "context", {}, {}, {})
        for name, number in (("js", "3"), ("addon-one", "4"), ("addon-two", "5"))
    ]
    where = ("test", VERSION, AMD64)
    last = build_chain(replace(tools, before_tag=signer), Pusher(registry), members, where, lambda _: None)
    names = [reference.partition("@")[0].rpartition("/")[2] for reference in signer.signed]
    assert names == ["codeopen-chain-js-addon-one", "codeopen-chain-js-addon-one-addon-two"]
    assert (signer.signed[-1], signer.tags) == (last, [(), ()])


def test_an_index_is_signed_before_it_has_tags_and_only_once(registry: Registry) -> None:
    digest = push(registry, REPOSITORY, None, {"usr/": None}).reference.partition("@")[2]
    name, images = IndexName(REPOSITORY, "1.0.0", PLAN), {AMD64: digest}
    with pytest.raises(OnDemandError, match="not signed"):
        publish_index(registry, name, images, Signer(registry, works=False))
    assert registry.list_tags(REPOSITORY) == ()
    signer = Signer(registry)
    first, second = (publish_index(registry, name, images, signer) for _ in range(2))
    assert (signer.signed, signer.tags, second) == ([first], [()], first)
    with pytest.raises(OnDemandError, match="released with another plan"):
        publish_index(registry, replace(name, plan_digest=OTHER_PLAN), images, signer)
    assert signer.signed == [first], "what can't be published isn't signed"


def test_a_command_gets_the_reference_last(tmp_path: Path) -> None:
    hook = command_hook(f"sh -c 'echo $0 $1 >{tmp_path}/called' 'two words'", "--before-tag")
    assert hook
    hook("host/name@sha256:1")
    assert (tmp_path / "called").read_text() == "two words host/name@sha256:1\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("false", r"codeopen:beforeTag: false failed on host/x@sha256:1 \(exit code 1\); nothing is tagged"),
        ("no-such-program-here --yes", "no-such-program-here can't be started"),
        ("sign 'a", "codeopen:beforeTag: .* is no command"),
    ],
)
def test_a_command_that_fails_is_told(command: str, message: str) -> None:
    with pytest.raises(OnDemandError, match=message):
        (command_hook(command, "codeopen:beforeTag") or print)("host/x@sha256:1")


@pytest.mark.parametrize("command", ["", "  "])
def test_no_command_is_no_hook(command: str) -> None:
    assert command_hook(command, "--before-tag") is None


def test_a_stacks_command_is_the_callers_unless_it_has_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    values: dict[str, Any] = {"catalog": "catalog", "registry": "localhost:1", "beforeTag": "false"}
    monkeypatch.setattr(opening, "read_stack_values", lambda *_: values)
    with open_bench("dev", ROOT, Choices(build=False)) as bench:
        assert bench.tools.before_tag
        with pytest.raises(OnDemandError, match="codeopen:beforeTag: false failed"):
            bench.tools.before_tag("host/x@sha256:1")
    with open_bench("dev", ROOT, Choices(build=False, before_tag=print)) as bench:
        assert bench.tools.before_tag is print
