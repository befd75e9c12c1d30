from __future__ import annotations

import pytest

from codeopen.errors import ContextError
from codeopen.model.plan.ignore import parse_ignore


@pytest.mark.parametrize(
    ("patterns", "excluded", "kept"),
    [
        ("# a comment\n\n  \n", [], ["a", "# a comment"]),
        ("*.log", ["x.log", ".log", "x.log/inside"], ["a/x.log", "x.logs", "x/log"]),
        ("**/*.log", ["x.log", "a/x.log", "a/b/x.log"], ["x.logs"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "b/a/c"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["a/bz", "z"]),
        ("**", ["a", "a/b"], []),
        ("a?c", ["abc", "a.c"], ["ac", "a/c", "abbc"]),
        ("/a/", ["a", "a/b"], ["b/a"]),
        ("./a//b/../c", ["a/c"], ["a/b"]),
        (" a \n", ["a"], [" a "]),
        ("a.b+c(d)$^", ["a.b+c(d)$^"], ["aXb+c(d)$^"]),
        ("*\n!keep", ["a", "a/b"], ["keep", "keep/inside"]),
        ("d\n!d/keep\nd/keep/not", ["d/a", "d/keep/not"], ["d/keep", "d/keep/yes"]),
        ("!d\nd", ["d"], []),
        ("! keep\n", [], ["keep"]),
        ("\ufeffa", ["a"], []),
        ("a\r\nb\r\n", ["a", "b"], []),
        ("with\nnewline*", ["newline\nin a name"], []),
        ("**/z", ["new\nline/z"], ["new\nline"]),
    ],
)
def test_patterns_mean_what_docker_means(patterns: str, excluded: list[str], kept: list[str]) -> None:
    rules = parse_ignore(patterns, ".dockerignore")
    assert [path for path in excluded if not rules.excludes(path)] == []
    assert [path for path in kept if rules.excludes(path)] == []


def test_a_folder_is_left_out_as_a_whole_only_when_nothing_is_taken_back() -> None:
    assert parse_ignore("d", "f").excludes_all_of("d")
    assert not parse_ignore("d\n!x", "f").excludes_all_of("d")
    assert not parse_ignore("d", "f").excludes_all_of("e")


@pytest.mark.parametrize("pattern", ["[ab]", "a\\*", "a]", "..", "../x", ".", "/", "!", "a/../.."])
def test_what_is_not_supported_is_refused_with_its_line(pattern: str) -> None:
    with pytest.raises(ContextError, match=r"^some/file:2: "):
        parse_ignore(f"fine\n{pattern}\n", "some/file")
