from __future__ import annotations

from dataclasses import replace

import pytest

from codeopen.errors import PlanError
from codeopen.model.catalog.model import CommandCheck, PortCheck
from codeopen.model.plan.health import render_health
from tests.unit.catalogs import make_base

CHECK = PortCheck("web", 8080, "/healthz", 200, "ok|fine", "")


def test_one_line_a_port_check() -> None:
    assert (
        render_health(make_base().checks, {}) == 'opencode\t4096\t/global/health\t200\tOPENCODE_SERVER\t"healthy":true'
    )
    assert render_health([CHECK, CommandCheck("x", ("x",), ""), replace(CHECK, name="b", body="")], {}) == (
        "web\t8080\t/healthz\t200\t-\tok|fine\nb\t8080\t/healthz\t200\t-\t"
    )


def test_a_port_that_a_variable_moves_is_written_with_it() -> None:
    env = {"WIDTH": "8080", "OTHER_PORT": "80", "WEB_PORT": "8080"}
    assert render_health([CHECK], env) == "web\tWEB_PORT=8080\t/healthz\t200\t-\tok|fine"


def test_no_port_checks_give_no_text() -> None:
    assert render_health([CommandCheck("git", ("git",), "")], {}) == ""


@pytest.mark.parametrize("body", ["a\tb", "a\nb", "a\rb", "a\0b", "a\u2028b"])
def test_what_would_break_the_lines_is_refused(body: str) -> None:
    with pytest.raises(PlanError, match="port check 'web'"):
        render_health([replace(CHECK, body=body)], {})
