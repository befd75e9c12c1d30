from __future__ import annotations

import pytest

from codeopen.images.compose.relations import (
    Exclusion,
    Relation,
    find_exclusions,
    read_dependencies,
    read_relations,
)
from tests.unit.images.compose.layers import stanza


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
