"""Hostile parts: each is refused, by the rule and the name that is concerned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from codeopen.errors import ComposeError
from codeopen.images.compose.gate import RULES, Pair, judge
from codeopen.images.compose.part_index import from_json, to_json
from tests.unit.images.compose.layers import (
    STATES,
    STATUS,
    Content,
    File,
    Link,
    automatic,
    linker_cache,
    make_base,
    make_part,
    processor_cache,
    stanza,
    status,
)

TRIGGERS = "var/lib/dpkg/triggers/File"
DIVERSIONS = "var/lib/dpkg/diversions"
INFO = "var/lib/dpkg/info"
CACHE = "etc/ld.so.cache"
BASE = make_base()
PLAIN = status("bash", "libc6")
JQ = status("jq=1.7")
MAVEN = stanza("maven", Depends="libc6, default-jre | java-runtime (>= 8)")
GOOD: Mapping[str, Content] = {"opt/one": b"1", STATUS: status("bash", "libc6", "jq")}


def findings(one: Mapping[str, Content], other: Mapping[str, Content], **config: Any) -> list[tuple[str, str]]:
    pair = Pair(BASE, make_part("one", BASE, one), make_part("other", BASE, other, config=config))
    return [(finding.rule, finding.subject) for finding in judge(pair)]


def test_parts_that_go_together_have_no_finding() -> None:
    shared = {"usr/share/doc/jq": b"same"}
    one = {**GOOD, **shared, CACHE: linker_cache("/usr/lib/liba.so.1", "/opt/a/liba.so.1")}
    other = {"opt/other": b"2", STATUS: status("bash", "libc6", "jq", "zsh"), **shared}
    assert not findings(one, {**other, CACHE: linker_cache("/usr/lib/liba.so.1", "/opt/b/libb.so.1")})


HOSTILE: dict[str, tuple[Mapping[str, Content], Mapping[str, Content], tuple[str, str]]] = {
    "a whiteout": (GOOD, {"etc/.wh.passwd": b""}, ("no-deletions", "etc/passwd")),
    "an opaque folder": (GOOD, {"etc/.wh..wh..opq": b""}, ("no-deletions", "etc")),
    "a dropped user": (GOOD, {"etc/passwd": b""}, ("accounts-of-the-base", "etc/passwd")),
    "a replaced /lib": (GOOD, {"lib/": None, "lib/x.so": b"x"}, ("no-replaced-links", "lib")),
    "a file behind /lib": (GOOD, {"lib/x.so": b"x"}, ("no-replaced-links", "lib/x.so")),
    "a changed shared file": ({"etc/app": b"1"}, {"etc/app": b"2"}, ("same-files", "etc/app")),
    "a changed mode": ({"etc/app": File(b"1")}, {"etc/app": File(b"1", mode=0o600)}, ("same-files", "etc/app")),
    "a changed owner": ({"etc/app": File(b"1")}, {"etc/app": File(b"1", uid=7)}, ("same-files", "etc/app")),
    "another alternative": (
        {"etc/alternatives/vi": Link("/usr/bin/vim")},
        {"etc/alternatives/vi": Link("/usr/bin/nano")},
        ("same-files", "etc/alternatives/vi"),
    ),
    "a file in the place of a folder": ({"opt/a": b"file"}, {"opt/a/b": b"1"}, ("nothing-below-files", "opt/a/b")),
    "two versions": (GOOD, {STATUS: status("bash", "libc6", "jq=2.0")}, ("one-version", "jq:amd64")),
    "an upgraded package of the base": (GOOD, {STATUS: status("bash=2.0", "libc6")}, ("one-version", "bash:amd64")),
    "a package that conflicts": (
        {STATUS: PLAIN + b"\n" + JQ.replace(b"1.7\n", b"1.7\nConflicts: yq\n")},
        {STATUS: status("bash", "libc6", "yq")},
        ("no-exclusions", "jq"),
    ),
    "a package that breaks what another provides": (
        {STATUS: PLAIN + b"\n" + JQ.replace(b"1.7\n", b"1.7\nBreaks: json-tool (<< 2)\n")},
        {STATUS: status("bash", "libc6", "yq") + b"Provides: json-tool (= 1.9)\n"},
        ("no-exclusions", "jq"),
    ),
    "a package that the other part makes needless": (
        {STATUS: status("bash", "libc6", stanza("jre", Provides="java-runtime (= 21)"))},
        {STATUS: status("bash", "libc6", MAVEN, "default-jre"), STATES: automatic("default-jre")},
        ("same-choices", "default-jre"),
    ),
    "a trigger": (
        {TRIGGERS: b"/usr/share/applications desktop-file-utils\n"},
        {"usr/share/applications/code.desktop": b"1"},
        ("no-triggers", "usr/share/applications/code.desktop"),
    ),
    "a diversion": (
        {DIVERSIONS: b"/usr/bin/x\n/usr/bin/x.real\nmine\n"},
        {"usr/bin/x": b"1"},
        ("no-diversions", "usr/bin/x"),
    ),
    "a trigger behind a link of the base": (
        {TRIGGERS: b"/lib/udev/hwdb.d udev\n"},
        {"usr/lib/udev/hwdb.d/70-a.hwdb": b"1"},
        ("no-triggers", "usr/lib/udev/hwdb.d/70-a.hwdb"),
    ),
    "a trigger that is a link of the base": (
        {TRIGGERS: b"/lib everything\n"},
        {"usr/lib/a": b"1"},
        ("no-triggers", "usr/lib/a"),
    ),
    "an explicit trigger": (
        {f"{INFO}/fonts.triggers": b"interest-noawait update-fonts\n"},
        {f"{INFO}/noto.triggers": b"activate update-fonts\n"},
        ("no-explicit-triggers", "update-fonts"),
    ),
    "an explicit trigger that only dpkg's own list names": (
        {"var/lib/dpkg/triggers/update-fonts": b"fonts/noawait\n"},
        {f"{INFO}/noto.triggers": b"activate update-fonts\n"},
        ("no-explicit-triggers", "update-fonts"),
    ),
    "a path that is set off without a file": (
        {f"{INFO}/udev.triggers": b"interest /lib/udev\n"},
        {f"{INFO}/usb.triggers": b"activate /usr/lib/udev/rules.d\n"},
        ("no-explicit-triggers", "/usr/lib/udev/rules.d"),
    ),
    "a diversion behind a link of the base": (
        {DIVERSIONS: b"/lib/x\n/lib/x.real\nmine\n"},
        {"usr/lib/x": b"1"},
        ("no-diversions", "usr/lib/x"),
    ),
    "a diversion onto a file": (
        {DIVERSIONS: b"/lib/x\n/lib/x.real\nmine\n"},
        {"usr/lib/x.real": b"1"},
        ("no-diversions", "usr/lib/x.real"),
    ),
    "a stat override": (
        GOOD,
        {"var/lib/dpkg/statoverride": b"root root 4755 /x\n"},
        ("no-diversions", "var/lib/dpkg/statoverride"),
    ),
    "another debconf answer": (
        {"var/cache/debconf/config.dat": b"Name: a/b\nValue: 1\nOwners: a\n"},
        {"var/cache/debconf/config.dat": b"Name: a/b\nValue: 2\nOwners: c\n"},
        ("databases-merge", "var/cache/debconf/config.dat"),
    ),
    "another library of the same name": (
        {CACHE: linker_cache("/opt/one/libx.so.1")},
        {CACHE: linker_cache("/opt/other/libx.so.1")},
        ("databases-merge", CACHE),
    ),
    "libraries for special processors": (
        {CACHE: processor_cache()},
        {CACHE: linker_cache("/opt/other/liby.so.1")},
        ("databases-merge", CACHE),
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_parts_are_refused_by_name(case: str) -> None:
    one, other, expected = HOSTILE[case]
    assert expected in findings(one, other)
    if expected[0] == "same-choices":
        assert expected not in findings(other, one), "what comes later is no reason not to install it"
    elif expected[0] != "same-files" and "place of a folder" not in case:
        assert expected in findings(other, one), "whichever comes first"


OPAQUE: Mapping[str, Content] = {"etc/": None, "etc/.wh..wh..opq": b"", "etc/mine": b""}
REPLACED: dict[str, tuple[tuple[Mapping[str, Content], ...], str]] = {
    "deleted, and made again by a later layer": (
        ({"etc/.wh.passwd": b""}, {"etc/passwd": b"root:x:0:0\n"}),
        "etc/passwd",
    ),
    "a folder made again": (({"usr/.wh.lib": b""}, {"usr/": None, "usr/lib/": None, "usr/lib/x": b""}), "usr/lib"),
    "deleted and made again in one layer": (({"etc/.wh.passwd": b"", "etc/passwd": b"root:x:0:0\n"},), "etc/passwd"),
    "an opaque marker behind its folder": ((OPAQUE,), "etc"),
    "an opaque marker before its folder": ((dict(sorted(OPAQUE.items(), reverse=True)),), "etc"),
    "an opaque marker below a layer with the folder": ((OPAQUE, {"etc/": None, "etc/more": b""}), "etc"),
    "an opaque root": (({".wh..wh..opq": b""},), "/"),
}


@pytest.mark.parametrize("case", REPLACED)
def test_a_deletion_counts_whatever_comes_in_its_place(case: str) -> None:
    layers, path = REPLACED[case]
    hostile = make_part("hostile", BASE, *layers)
    (finding,) = [
        each for each in judge(Pair(BASE, make_part("one", BASE, GOOD), hostile)) if each.rule == "no-deletions"
    ]
    assert finding.subject == path
    assert finding.what.startswith("hostile deletes")
    assert from_json(to_json(hostile)).deletions == hostile.deletions


def test_what_a_part_deleted_is_not_among_its_merged_files_and_what_it_made_again_is() -> None:
    deleted = make_part("one", BASE, {"var/lib/.wh.dpkg": b""})
    assert STATUS not in deleted.files
    again = make_part("one", BASE, {"var/lib/.wh.dpkg": b""}, {STATUS: status("jq")})
    assert again.files[STATUS] == status("jq")
    assert list(again.packages.stanzas) == ["jq:amd64"]


@pytest.mark.parametrize("change", [{"format": 2}, {"deletions": None}, {"deletions": [["etc"]]}])
def test_an_index_of_another_format_or_damaged_is_refused(change: Mapping[str, Any]) -> None:
    value = {**json.loads(to_json(BASE)), **change}
    with pytest.raises(ComposeError, match="index it again"):
        from_json(json.dumps(value).encode())


def test_what_an_older_version_would_have_broken_is_no_matter() -> None:
    breaks = JQ.replace(b"1.7\n", b"1.7\nBreaks: yq (<< 1.0~)\n")
    assert not findings({STATUS: PLAIN + b"\n" + breaks}, {STATUS: status("bash", "libc6", "yq=1.0")})


def test_a_package_that_both_have_got_along_with_the_rest_of_each() -> None:
    breaks = JQ.replace(b"1.7\n", b"1.7\nConflicts: yq\n")
    both = {STATUS: PLAIN + b"\n" + breaks}
    assert not findings(both, {STATUS: both[STATUS] + b"\n" + status("yq")})


def test_a_clash_of_variables_is_refused() -> None:
    pair = Pair(
        BASE,
        make_part("one", BASE, config={"Env": ["PATH=/usr/bin:/bin", "PORT=4096", "WIDTH=1"]}),
        make_part("other", BASE, config={"Env": ["PATH=/usr/bin:/bin", "PORT=4096", "WIDTH=2"]}),
    )
    (finding,) = judge(pair)
    assert (finding.rule, finding.what) == ("configurations-agree", "one sets WIDTH to '1', other to '2'")


def test_other_base_layers_are_refused() -> None:
    elsewhere = make_part("one", make_part("base2", None, {"x": b"1"}), GOOD)
    pair = Pair(BASE, elsewhere, make_part("other", BASE))
    assert ("same-base", "one") in [(finding.rule, finding.subject) for finding in judge(pair)]


def test_a_trigger_on_a_file_that_both_have_did_its_work() -> None:
    both = {"usr/share/applications/code.desktop": b"1"}
    assert not findings({TRIGGERS: b"/usr/share/applications desktop-file-utils\n", **both}, both)


def test_a_cache_that_only_one_writes_needs_no_merge() -> None:
    assert not findings({**GOOD, CACHE: processor_cache()}, {"opt/other": b"2"})


def test_a_trigger_of_the_base_has_run_in_both() -> None:
    base = make_base(**{f"{INFO}/libc-bin.triggers": b"interest-await ldconfig\n"})
    parts = (
        make_part(name, base, {f"{INFO}/lib{name}.triggers": b"activate-noawait ldconfig\n"})
        for name in ("one", "other")
    )
    assert not judge(Pair(base, *parts))


def test_an_explicit_trigger_that_both_set_off_did_its_work() -> None:
    both: Mapping[str, Content] = {f"{INFO}/noto.triggers": b"activate update-fonts\n"}
    assert not findings({f"{INFO}/fonts.triggers": b"interest update-fonts\n", **both}, both)


def test_every_rule_is_proved_by_a_hostile_part() -> None:
    proved = {rule for _, _, (rule, _) in HOSTILE.values()} | {"configurations-agree", "same-base"}
    assert len(proved) == len(RULES)


def test_an_index_is_stored_and_read_back_as_the_same() -> None:
    part = make_part("one", BASE, {**GOOD, "opt/x": File(b"1", attributes={"user.a": "1"}), "opt/.wh.y": b""})
    assert from_json(to_json(part)) == part
    assert to_json(from_json(to_json(part))) == to_json(part)
