from __future__ import annotations

import pytest

from codeopen.compose.packages import Packages, read_packages
from codeopen.compose.relations import (
    Choice,
    Exclusion,
    Relation,
    find_choices,
    find_exclusions,
    read_dependencies,
    read_relations,
)
from tests.unit.compose.layers import STATES, STATUS, automatic, stanza, status


def excluded(package: str, other: str) -> list[tuple[str, str]]:
    return [(found.field, found.relation) for found in find_exclusions([package], [other])]


def test_a_field_is_read() -> None:
    text = "a, b:any (<< 2.0-1~),\n c:kfreebsd-amd64(=1) , d [linux-any], e (unclosed"
    assert read_relations(text) == (
        Relation("a"),
        Relation("b", "<<", "2.0-1~"),
        Relation("c", "=", "1"),
        Relation("d"),
        Relation("e"),
    )
    assert read_relations("") == ()


@pytest.mark.parametrize("field", ["Conflicts", "Breaks"])
@pytest.mark.parametrize(
    ("relation", "other"),
    [
        ("two", stanza("two")),
        ("zero, two (<< 1.1)", stanza("two")),
        ("two (<= 1.0)", stanza("two", "1.0-0")),
        ("two (< 1.0)", stanza("two")),
        ("two (= 1:1.0)", stanza("two", "1:1.0")),
        ("two (>> 1.0~rc1)", stanza("two")),
        ("two (> 1.0)", stanza("two")),
        ("two (<> 1.0)", stanza("two")),
        ("two (unheard of)", stanza("two")),
        ("mail-agent", stanza("two", Provides="other, mail-agent")),
        ("mail-agent", stanza("two", Provides="mail-agent (= 3)")),
        ("mail-agent (>= 3)", stanza("two", Provides="mail-agent (= 3)")),
    ],
)
def test_what_can_not_be_together_is_found(field: str, relation: str, other: str) -> None:
    (found,) = excluded(stanza("one", **{field: relation}), other)
    assert found[0] == field


def test_what_was_found_says_who_excludes_whom() -> None:
    found = list(find_exclusions([stanza("one", Breaks="two (<< 2)")], [stanza("two"), stanza("three")]))
    assert found == [Exclusion("one", "Breaks", "two (<< 2)", "two")]


@pytest.mark.parametrize(
    ("package", "other"),
    [
        (stanza("one", Breaks="two (<< 1.0-1)"), stanza("two", "1.0-1")),
        (stanza("one", Breaks="two (<< 1.0-1~)"), stanza("two", "1.0-1")),
        (stanza("one", Conflicts="two (>> 1:1.0)"), stanza("two", "9.0")),
        (stanza("one", Replaces="two", Recommends="two"), stanza("two")),
        (stanza("one", Breaks="mail-agent (<< 3)"), stanza("two", Provides="mail-agent")),
        (stanza("one", Breaks="mail-agent (<< 3)"), stanza("two", Provides="mail-agent (= 3)")),
        (stanza("one", Conflicts="one, mail-agent", Provides="mail-agent"), stanza("one", Provides="mail-agent")),
        (stanza("one", Conflicts="two"), stanza("two").replace("ok installed", "ok config-files")),
        (stanza("one", Conflicts="two").replace("ok installed", "ok config-files"), stanza("two")),
        (stanza("one", Conflicts="two"), stanza("two-more")),
    ],
)
def test_packages_that_get_along_are_let_through(package: str, other: str) -> None:
    assert not excluded(package, other)


def test_a_field_with_alternatives_is_read() -> None:
    assert read_dependencies("a, b (>= 1) | c:any |d,") == (
        (Relation("a"),),
        (Relation("b", ">=", "1"), Relation("c"), Relation("d")),
    )
    assert read_dependencies("") == ()


def packages(*stanzas: str, asked: tuple[str, ...] = ()) -> Packages:
    """Of these packages, those that were asked for by name; all others came as dependencies."""
    found = read_packages({STATUS: status(*stanzas)})
    names = found.by_name - set(asked)
    return read_packages({STATUS: status(*stanzas), STATES: automatic(*names)}) if names else found


def left_out(first: Packages, second: Packages, base: Packages | None = None) -> list[str]:
    return [choice.package for choice in find_choices(base or packages(), first, second)]


MAVEN = stanza("maven", Depends="default-jre | java-runtime")
JRE = stanza("jre", Provides="java-runtime")


def test_a_choice_says_whose_it_is_and_what_meets_it() -> None:
    second = packages(MAVEN, "default-jre", asked=("maven",))
    assert list(find_choices(packages(), packages(JRE), second)) == [
        Choice("default-jre", "maven", "default-jre | java-runtime", "jre")
    ]
    assert not list(find_choices(packages(), second, packages(JRE, asked=("jre",)))), "this way round apt adds it"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # Both have Maven, each with another answer to what it needs.
        (packages(MAVEN, JRE), packages(MAVEN, "default-jre", asked=("maven",))),
        # What apt chose first is met by what came later, and the first part has that.
        (packages(JRE), packages(MAVEN, stanza("default-jre", Depends="jre"), JRE, asked=("maven",))),
        # A single name that a package of the first part provides.
        (packages(JRE), packages(stanza("ant", Depends="java-runtime"), stanza("gcj", Provides="java-runtime"))),
        # Another package needs it, and that one would not come either.
        (
            packages(JRE, stanza("default-jre-headless", Provides="ready")),
            packages(
                MAVEN,
                stanza("tool", Depends="helper | ready"),
                stanza("helper", Depends="default-jre"),
                "default-jre",
                asked=("maven", "tool"),
            ),
        ),
        # Another package needs it, and something else would do for that one too.
        (
            packages(JRE),
            packages(
                MAVEN,
                stanza("tool", Depends="default-jre | zulu"),
                "zulu",
                "default-jre",
                asked=("maven", "tool", "zulu"),
            ),
        ),
        # Another package needs it by its name alone, which a package of the first part provides.
        (
            packages(stanza("jre", Provides="java-runtime, default-jre")),
            packages(MAVEN, stanza("tool", Depends="default-jre"), "default-jre", asked=("maven", "tool")),
        ),
        (packages(JRE), packages(stanza("ant", **{"Pre-Depends": "gcj | java-runtime"}), "gcj")),
    ],
)
def test_what_apt_would_have_left_out_is_found(first: Packages, second: Packages) -> None:
    assert {"default-jre", "gcj"} & set(left_out(first, second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # Asked for by name.
        (packages(JRE), packages(MAVEN, "default-jre", asked=("maven", "default-jre"))),
        # Needed by its name alone, by one that was asked for, or by what that one needs.
        (
            packages(JRE),
            packages(
                MAVEN,
                stanza("tool", Depends="helper"),
                stanza("helper", Depends="default-jre (>= 1.0)"),
                "default-jre",
                asked=("maven", "tool"),
            ),
        ),
        # The first part has it too.
        (packages(JRE, "default-jre"), packages(MAVEN, "default-jre", asked=("maven",))),
        # What the first part has is too old.
        (
            packages(stanza("jre", Provides="java-runtime (= 7)")),
            packages(stanza("maven", Depends="default-jre | java-runtime (>= 8)"), "default-jre", asked=("maven",)),
        ),
        # Apt installs what is recommended neither here nor there.
        (packages(JRE), packages(stanza("maven", Recommends="default-jre | java-runtime"), "default-jre")),
        (packages("other"), packages(MAVEN, "default-jre", asked=("maven",))),
    ],
)
def test_what_apt_would_have_installed_all_the_same_is_let_through(first: Packages, second: Packages) -> None:
    assert not left_out(first, second)


def test_what_the_base_meets_nobody_chose() -> None:
    base, first = packages(JRE), packages(stanza("gcj", Provides="java-runtime"))
    second = packages(MAVEN, "default-jre", asked=("maven",))
    assert left_out(first, second) == ["default-jre"]
    assert not left_out(first, second, base)
