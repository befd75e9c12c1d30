"""What is kept and removed: rules by example, and what must hold whatever happened before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeopen.images.compose.part_index import EMPTY_LAYER
from codeopen.images.retention.ages import is_moving, newest_pre_release, subject_of_tag
from codeopen.images.retention.decisions import KeepRules, RetentionPlan, freed_by, make_plan
from codeopen.images.retention.references import Reference
from codeopen.images.retention.stored import Key, Kind, StoredManifest
from tests.unit.images.retention.histories import ADDONS, FLAVORS, NO_GRACE, History, Part

numbers = st.integers(0, 5)
addon_sets = st.lists(st.sampled_from(ADDONS), max_size=3, unique=True).map(tuple)
Event = Callable[[History], object]
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(lambda index: lambda history: history.rebuild_base(index=index), st.booleans()),
    st.builds(
        lambda name, index: lambda history: history.rebuild(name, index=index),
        st.sampled_from((*FLAVORS, *ADDONS)),
        st.booleans(),
    ),
    st.builds(
        lambda flavor, addons, back, index: lambda history: history.compose(flavor, addons, back, index=index),
        st.sampled_from(FLAVORS),
        addon_sets,
        numbers,
        st.booleans(),
    ),
    st.just(lambda history: history.release()),
    st.builds(
        lambda name, back: lambda history: history.roll_back(name, back),
        st.sampled_from((*FLAVORS, "codeopen-js-databases", *ADDONS)),
        numbers,
    ),
    st.builds(lambda n, choice: lambda history: history.start_project(f"p{n}", choice), numbers, st.integers(0, 99)),
    st.builds(lambda n: lambda history: history.projects.pop(f"p{n}", None), numbers),
    st.builds(lambda keep: lambda history: check_prune(history, keep), st.integers(0, 3)),
)


@dataclass(frozen=True)
class Pruned:
    """A history before and after a prune. Nothing in its checks asks the code under test what is needed."""

    history: History
    tags: dict[str, dict[str, str]]
    manifests: dict[Key, StoredManifest]
    composed_of: dict[Key, list[Part]]
    plan: RetentionPlan

    @property
    def after(self) -> dict[Key, StoredManifest]:
        return self.history.manifests

    def check_roots(self) -> None:
        for name, named in self.tags.items():
            for tag, digest in named.items():
                if tag.count(".") == 2 and not tag.endswith("-dev"):
                    assert Key(name, digest) in self.after, f"released {name}:{tag}"
        for project, key in self.history.projects.items():
            assert key in self.after, f"of project {project}"

    def check_names(self) -> None:
        """What names something is not left without it."""
        for key, manifest in self.after.items():
            for child in manifest.children:
                assert Key(key.repository, child) in self.after, f"{key} names it"
        for name, named in self.history.tags.items():
            assert all(Key(name, digest) in self.after for digest in named.values()), "every tag names something"

    def check_parts(self) -> None:
        """Parts of kept combinations, with what names them and their indexes."""
        for image, parts in self.composed_of.items():
            for part in parts if image in self.after else ():
                assert part.image in self.after, f"part of {image}"
                assert part.named in self.after, f"lookups of a part of {image} find it"
                assert part.named.digest.replace(":", "-") in self.history.tags[part.named.repository], "its part index"

    def check_subjects(self) -> None:
        """What is about an image lives and dies with it."""
        for key, manifest in self.manifests.items():
            if manifest.subject:
                assert (key in self.after) == (Key(key.repository, manifest.subject) in self.after)
        for name, named in self.history.tags.items():
            assert all(Key(name, subject_of_tag(tag)) in self.after for tag in named if subject_of_tag(tag))

    def check_last(self, keep: int) -> None:
        for name, tags in self.tags.items():
            named = {digest for tag, digest in tags.items() if not subject_of_tag(tag)}
            assert sum(Key(name, digest) in self.after for digest in named) >= min(keep, len(named))

    def check_freed(self) -> None:
        """What is freed is what has no name any more, once each."""
        living = {digest for key in self.after for digest in (*self.manifests[key].blobs, key.digest)}
        sizes = {digest: size for manifest in self.manifests.values() for digest, size in manifest.blobs.items()}
        sizes |= {key.digest: manifest.size for key, manifest in self.manifests.items()}
        assert self.plan.freed == {digest: size for digest, size in sizes.items() if digest not in living}


def check_prune(history: History, keep: int) -> None:
    """Prune, and check all that must hold."""
    tags = {name: dict(tags) for name, tags in history.tags.items()}
    before, composed_of = dict(history.manifests), dict(history.composed_of)
    pruned = Pruned(history, tags, before, composed_of, history.prune(keep))
    pruned.check_roots()
    pruned.check_names()
    pruned.check_parts()
    pruned.check_subjects()
    pruned.check_last(keep)
    pruned.check_freed()
    assert before.keys() == {decision.key for decision in pruned.plan.decisions}
    assert not history.plan(keep).removed, "a second prune removes nothing"


@settings(max_examples=300, deadline=None)
@given(st.lists(events, min_size=30, max_size=90), st.integers(0, 3))
def test_whatever_happened_nothing_that_is_needed_goes(happened: list[Event], keep: int) -> None:
    history = History()
    for event in happened:
        event(history)
    check_prune(history, keep)


@pytest.fixture
def history() -> History:
    made = History()
    for name in (*FLAVORS, *ADDONS):
        made.rebuild(name, index=False)
    return made


def reason(plan: RetentionPlan, key: Key) -> tuple[bool, str]:
    (decision,) = [decision for decision in plan.decisions if decision.key == key]
    return decision.kept, decision.reasons[0]


def test_the_last_generations_are_kept_and_older_ones_go(history: History) -> None:
    for _ in range(4):
        history.rebuild("codeopen-js", index=False)
    parts = history.parts["codeopen-js"]
    plan = history.plan(2)
    assert [reason(plan, part.image)[0] for part in parts] == [False, False, False, True, True]
    assert reason(plan, parts[-1].image) == (True, f"{history.dev} is the newest pre-release")
    assert reason(plan, parts[-2].image) == (True, "among the last 2")
    assert reason(plan, parts[0].image) == (False, "at least 2 newer ones")
    listing = history.tags["codeopen/codeopen-js"][parts[0].image.digest.replace(":", "-")]
    assert reason(plan, Key("codeopen/codeopen-js", listing)) == (
        False,
        f"about {parts[0].image}, which is removed",
    )


def test_a_release_keeps_all_that_it_is_made_of(history: History) -> None:
    history.compose("codeopen-js", ADDONS[:2], 0, index=False)
    history.release()
    history.rebuild_base(index=False)
    for _ in range(3):
        for name in (*FLAVORS, *ADDONS):
            history.rebuild(name, index=False)
    plan = history.plan(1)
    (combination, parts), *_ = history.composed_of.items()
    assert reason(plan, combination) == (True, "named 0.0.1, which never moves")
    # Parts were released as well; take that away, and the combination alone keeps them.
    for part in parts:
        del history.tags[part.named.repository]["0.0.1"]
    plan = history.plan(1)
    assert [reason(plan, part.image)[0] for part in parts] == [True] * 4
    assert reason(plan, parts[-1].image) == (True, f"{combination} has its layers")
    unused = history.parts["codeopen-addon-cloud"][0].image
    del history.tags[unused.repository]["0.0.1"]
    assert reason(history.plan(1), unused) == (False, "at least 1 newer ones")


def test_an_empty_layer_that_composing_leaves_out_is_no_reason_to_remove_a_part(history: History) -> None:
    part = history.parts["codeopen-addon-gui"][-1]
    stored = history.manifests[part.image]
    history.manifests[part.image] = replace(stored, diff_ids=(*stored.diff_ids, EMPTY_LAYER))
    history.compose("codeopen-js", ("codeopen-addon-gui",), 0, index=False)
    history.projects["p"] = next(iter(history.composed_of))
    for _ in range(2):
        history.rebuild("codeopen-addon-gui", index=False)
    assert reason(history.plan(1), part.image)[0]


def test_composed_generations_are_as_old_as_their_newest_part(history: History) -> None:
    for _ in range(3):
        history.compose("codeopen-js", ("codeopen-addon-gui",), 0, index=False)
        history.rebuild("codeopen-addon-gui", index=False)
    first, second, third = history.composed_of
    plan = history.plan(1)
    assert [reason(plan, key)[0] for key in (first, second, third)] == [False, False, True]


def test_generations_that_nothing_orders_are_kept(history: History) -> None:
    for _ in range(3):
        history.compose("codeopen-js", ("codeopen-addon-gui",), 0, index=False)
    plan = history.plan(1)
    assert all(reason(plan, key)[0] for key in history.composed_of), "they are of the same parts"
    lonely = history.put_image("codeopen-js-x", (history.digest("lay"),), composed=True)
    history.tag(lonely, "plan-1")
    assert reason(history.plan(1), lonely) == (True, "nothing tells its age")


def test_a_rollback_keeps_what_the_newest_pre_release_names(history: History) -> None:
    for _ in range(5):
        history.rebuild("codeopen-js", index=False)
    history.roll_back("codeopen-js", 4)
    key = Key("codeopen/codeopen-js", history.tags["codeopen/codeopen-js"][history.dev])
    assert reason(history.plan(1), key) == (True, f"{history.dev} is the newest pre-release")


def test_what_is_young_is_kept_whatever_names_it(history: History) -> None:
    history.hours += 100
    old = history.parts["codeopen-js"][0].image
    rules = KeepRules(0, timedelta(hours=24))
    assert reason(make_plan(history.inventory(), rules, history.now), old)[0] is False
    young = history.put_image("codeopen-js", (history.digest("lay"),))
    history.hours += 23
    assert reason(make_plan(history.inventory(), rules, history.now), young) == (True, "younger than 24 h")
    history.hours += 2
    assert reason(make_plan(history.inventory(), rules, history.now), young) == (False, "no tag names it")


def test_a_person_s_tag_and_a_listed_image_are_kept(history: History) -> None:
    for _ in range(3):
        history.rebuild("codeopen-js", index=False)
    first, second, *_ = history.parts["codeopen-js"]
    history.tag(first.image, "latest")
    listed = Reference(second.image.repository, "", second.image.digest, "keep list")
    tag = Reference("codeopen/codeopen-js", "0.0.9", "", "project gone")
    plan = make_plan(history.inventory(), KeepRules(1, NO_GRACE, (listed, tag)), history.now)
    assert reason(plan, first.image) == (True, "named latest, which never moves")
    assert reason(plan, second.image) == (True, "keep list")
    assert plan.missing == (tag,)


def test_a_listed_image_is_found_in_whatever_repository_has_its_digest(history: History) -> None:
    for _ in range(3):
        history.rebuild("codeopen-js", index=False)
    first, second, *_ = history.parts["codeopen-js"]
    listed = Reference("proxy/codeopen/codeopen-js", "", first.image.digest, "project one")
    renamed = Reference("images/js", "", second.image.digest, "project two")
    tagged = Reference("proxy/codeopen/codeopen-js", "nothing", "", "project three")
    plan = make_plan(history.inventory(), KeepRules(1, NO_GRACE, (listed, renamed, tagged)), history.now)
    assert reason(plan, first.image) == (True, "project one")
    assert reason(plan, second.image) == (True, "project two")
    assert plan.missing == (tagged,)


def test_what_is_about_an_image_that_is_gone_goes(history: History) -> None:
    gone = Key("codeopen/codeopen-js", history.digest())
    history.put_part_index("codeopen-js", gone)
    plan = history.plan(1)
    removed = [decision for decision in plan.removed if "is not there" in decision.reasons[0]]
    assert [decision.kind for decision in removed] == [Kind.ARTIFACT, Kind.INDEX]


def test_a_blob_counts_once_and_not_while_others_use_it() -> None:
    history = History()
    shared = history.digest("lay")
    one, two = (history.put_image(name, (shared,)) for name in ("codeopen-a", "codeopen-b"))
    inventory = history.inventory()
    blob = shared.replace("6c6179", "626c62")
    assert blob not in freed_by(inventory, frozenset({one}))
    assert sum(freed_by(inventory, frozenset({one, two})).values()) == 10_000 + 2 * (500 + 1_000)
    assert blob not in freed_by(replace(inventory, outside=frozenset({blob})), frozenset({one, two}))


def test_a_part_s_index_is_kept_with_all_its_platforms() -> None:
    history = History()
    for name in (*FLAVORS, *ADDONS):
        history.rebuild(name, index=True)
    history.compose("codeopen-js", ("codeopen-addon-gui",), 0, index=True)
    history.projects["p"] = next(iter(history.composed_of))
    history.rebuild("codeopen-addon-gui", index=True)
    plan = history.plan(1)
    part = history.parts["codeopen-addon-gui"][0]
    assert reason(plan, part.named) == (True, f"holds {part.image}")
    for child in history.manifests[part.named].children:
        assert reason(plan, Key(part.named.repository, child))[0]


def test_locked_repositories_stay_as_they_are(history: History) -> None:
    for _ in range(3):
        history.rebuild("codeopen-js", index=False)
    rules = replace(history.rules(1), locked=frozenset({"codeopen/codeopen-js"}))
    assert not [
        d for d in make_plan(history.inventory(), rules, history.now).removed if d.key.repository.endswith("js")
    ]


@pytest.mark.parametrize(
    ("tag", "moving", "subject"),
    [
        ("0.0.2", False, ""),
        ("0.0.3-dev", True, ""),
        ("0.0.3-rc.1", True, ""),
        ("0.0.3-dev_amd64", True, ""),
        ("0.0.3-rc.1_arm64-v8", True, ""),
        ("0.0.3_amd64", False, ""),
        (f"plan-{'a' * 64}", True, ""),
        ("latest", False, ""),
        ("plan-b", True, ""),
        ("plan-of-mine", False, ""),
        (f"sha256-{'a' * 64}", False, f"sha256:{'a' * 64}"),
        (f"sha256-{'a' * 64}.sig", False, f"sha256:{'a' * 64}"),
        ("sha256-a", False, ""),
    ],
)
def test_tags_say_what_they_are(tag: str, subject: str, *, moving: bool) -> None:
    assert is_moving(tag) == moving
    assert subject_of_tag(tag) == subject


def test_pre_releases_are_ordered_as_semver_says() -> None:
    """The example of semver.org, item 11."""
    ordered = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11"]
    ordered += ["1.0.0-rc.1", "1.0.1-alpha", "1.10.0-alpha"]
    for count in range(1, len(ordered) + 1):
        assert newest_pre_release(["2.0.0", "plan-1", *reversed(ordered[:count])]) == ordered[count - 1]
    assert newest_pre_release(["1.0.0-rc.1_amd64", "1.0.0-rc.11_amd64"]) == "1.0.0-rc.11_amd64"
    assert newest_pre_release(["2.0.0"]) == ""


def test_manifests_that_can_not_be_read_are_left_while_a_tag_of_a_person_names_them() -> None:
    history = History()
    key = history.put("codeopen-js", Kind.OTHER)
    history.tag(key, "latest")
    assert isinstance(history.manifests[key], StoredManifest)
    assert reason(history.plan(1), key)[0]
