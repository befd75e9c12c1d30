from __future__ import annotations

import pytest

from codeopen.images.compose.choices import Choice, find_choices
from codeopen.images.compose.packages import Packages, read_packages
from tests.unit.images.compose.layers import STATES, STATUS, automatic, stanza, status


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
        # What it could change is met by a package that was asked for.
        (
            packages("q"),
            packages(
                stanza("tool1", Depends="b | q"),
                stanza("tool2", Depends="a | b"),
                stanza("tool3", Depends="b"),
                "a",
                "b",
                asked=("tool1", "tool2", "tool3", "a"),
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


# On ``q`` each of these has other packages than alone, as apt 3.0.4 was seen to do.
BY_ORDER = {
    "the chain has one more: alone, b was there when a | b was met": packages(
        stanza("tool1", Depends="b | q"),
        stanza("tool2", Depends="a | b"),
        stanza("tool3", Depends="b"),
        "b",
        asked=("tool1", "tool2", "tool3"),
    ),
    "the chain has one fewer: there x comes before a | x is met": packages(
        stanza("tool1", Depends="h | q"),
        stanza("h", Depends="a | x"),
        stanza("tool2", Depends="x"),
        stanza("tool3", Depends="h"),
        "a",
        "x",
        asked=("tool1", "tool2", "tool3"),
    ),
    "the chain has another package that provides it": packages(
        stanza("tool1", Depends="b | q"),
        stanza("tool2", Depends="virtual"),
        stanza("tool3", Depends="b"),
        stanza("b", Provides="virtual"),
        asked=("tool1", "tool2", "tool3"),
    ),
    "a package of the part provides what another one needs by name": packages(
        stanza("tool1", Depends="n | q"),
        "n",
        stanza("tool2", Depends="m"),
        stanza("m", Provides="n"),
        stanza("tool3", Depends="n"),
        asked=("tool1", "tool2", "tool3"),
    ),
}


@pytest.mark.parametrize("case", BY_ORDER)
def test_a_choice_that_hangs_on_the_order_is_found(case: str) -> None:
    (found,) = find_choices(packages(), packages("q"), BY_ORDER[case])
    assert (found.dependent, found.met_by) == ("tool1", "q")


def test_one_that_is_named_comes_first_whatever_the_order() -> None:
    second = packages(
        stanza("tool1", Depends="b | q"), stanza("tool2", Depends="a | b"), "b", asked=("tool1", "tool2", "b")
    )
    assert not left_out(packages("q"), second)


def test_a_need_has_one_choice_the_one_that_apt_looks_at_first() -> None:
    second = packages(
        stanza("maven", Depends="default-jre | java-runtime"),
        stanza("ant", Depends="default-jre | java-runtime"),
        stanza("default-jre", Depends="openjdk"),
        stanza("openjdk", Provides="java-runtime"),
        asked=("maven", "ant"),
    )
    assert left_out(packages(JRE), second) == ["default-jre"]
