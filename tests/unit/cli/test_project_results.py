"""How results of many projects are told."""

from __future__ import annotations

import io
import json

from codeopen.cli.project_results import ProjectProgress, render_results
from codeopen.platform.projects.apply import Change, Result, Status


def test_a_terminal_has_one_line_that_says_how_far_it_is() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, live in ((Terminal(), True), (io.StringIO(), False)):
        progress = ProjectProgress(2, stream)
        progress.begun("a")
        progress.ended(Result("a", Status.UNCHANGED))
        progress.begun("b")
        progress.ended(Result("b", Status.FAILED, message="pulumi up of stack b failed\nexceeded quota", seconds=2))
        progress.close()
        text = stream.getvalue()
        assert "  b failed: exceeded quota (2.0 s)\n" in text
        assert ("1 of 2 done (1 unchanged); under way: b" in text) is live
        assert text.count("\n") == 1


def test_warnings_that_all_give_are_told_once() -> None:
    results = [
        Result("a", Status.CHANGED, (Change("create", "x:y:Z", "n"),), ("a stand-in", "the disk stays")),
        Result("b", Status.UNCHANGED, (), ("a stand-in",)),
    ]
    text = render_results(results, None, dry_run=False, as_json=False)
    assert text.endswith("\nwarning (2 projects): a stand-in\nwarning (a): the disk stays\n")
    assert "create Z" in text
    assert json.loads(render_results(results, {}, dry_run=True, as_json=True))["projects"][0]["ready"] == ""
