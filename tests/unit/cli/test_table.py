from __future__ import annotations

from codeopen.cli.table import render_pairs, render_table, short_digest


def test_columns_are_aligned_without_spaces_at_line_ends() -> None:
    assert render_table(("A", "LONG"), [("wide", ""), ("x", "y")]) == "A     LONG\nwide\nx     y\n"
    assert render_table(("A",), []) == "A\n"


def test_pairs_are_aligned() -> None:
    assert render_pairs([("CPU", "4"), ("Memory", "8Gi"), ("", "more")]) == "CPU     4\nMemory  8Gi\n        more\n"


def test_digests_are_cut_for_people() -> None:
    assert short_digest("sha256:0123456789abcdef") == "0123456789ab"
