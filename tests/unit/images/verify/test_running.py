"""Rules and checks on a container that stands in for one: it answers each command with what a test gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import pytest

from codeopen.errors import VerifyError
from codeopen.images.verify.checks import Answer, Login, ask, check_command, check_port
from codeopen.images.verify.container import Container, Ran
from codeopen.images.verify.expectation import Expectation
from codeopen.images.verify.image import RUNNING_RULES
from codeopen.images.verify.results import Result, Rule, apply_rule, render_problems
from codeopen.images.verify.services import (
    RULES,
    Patience,
    Program,
    Services,
    check_services,
    is_refusal,
    make_logins,
    parse_programs,
)
from codeopen.model.catalog.model import CommandCheck, Port, PortCheck
from tests.unit.images.verify.test_rules import EXPECTED

OK = Ran(0, "", "", 0.1)


@dataclass(frozen=True, slots=True)
class StandIn(Container):
    """Answers a command by the first key that its words begin with; notes what it was asked and given."""

    answers: Mapping[str, Any] = field(default_factory=dict)
    log: str = ""
    ended: Mapping[str, Any] = field(default_factory=lambda: {"Running": True, "ExitCode": 0})
    stop_seconds: float = 0.5
    asked: list[tuple[str, str]] = field(default_factory=list)

    def run(self, *command: str, given: str = "", **limits: Any) -> Ran:
        assert set(limits) <= {"seconds", "user"}
        words = " ".join(command)
        self.asked.append((words, given))
        answers = (answer for key, answer in self.answers.items() if words.startswith(key))
        answer = next(answers, OK)
        answer = answer.pop(0) if isinstance(answer, list) else answer
        return answer if isinstance(answer, Ran) else Ran(0, answer, "", 0.1)

    def logs(self) -> str:
        return self.log

    def state(self) -> Mapping[str, Any]:
        return self.ended

    def stop(self, seconds: int) -> float:
        assert seconds > 5
        return self.stop_seconds


def container(**answers: Any) -> StandIn:
    return StandIn("stand-in", {key.replace("_", " "): answer for key, answer in answers.items()})


def services(stand_in: StandIn, **more: Any) -> Services:
    values = {"logins": make_logins(EXPECTED, "secret"), "patience": Patience(0, 0), **more}
    return Services(stand_in, values.pop("expected", EXPECTED), **values)


def find(rules: tuple[Rule[Any], ...], name: str, subject: object) -> list[str]:
    (rule,) = [each for each in rules if each.name == name]
    return list(rule.find(subject))


# What commands print.


@pytest.mark.parametrize(
    ("ran", "detail"),
    [
        (Ran(0, "v22.1.0\n", "", 0.1), ""),
        (Ran(0, "\n", "v22.1.0\n", 0.1), ""),
        (Ran(0, "v21\n", "v22", 0.1), "node --version says 'v21', which '^v22' does not match"),
        (Ran(0, "", "", 0.1), "node --version says '', which '^v22' does not match"),
        (Ran(1, "v22", "no such thing\nreally", 0.1), "node --version: exit code 1: really"),
        (Ran(None, "", "", 120.4), "node --version: no end after 120 s"),
    ],
)
def test_a_command_must_end_well_and_say_what_it_should(ran: Ran, detail: str) -> None:
    result = check_command(container(node=ran), "base", CommandCheck("node", ("node", "--version"), "^v22"))
    assert result == Result("base", "node", not detail, ran.seconds, detail)


def test_long_output_is_shortened() -> None:
    result = check_command(container(a="x" * 1000), "base", CommandCheck("a", ("a",), "^y"))
    assert len(result.detail) < 400


# What ports answer.

PORT = PortCheck("web", 4096, "/health", 200, "fine", "WEB")


@pytest.mark.parametrize(
    ("output", "detail"),
    [
        ("all is\nfine\n200 ", ""),
        ("fine\n401 ", "port 4096/health answers 401 instead of 200"),
        ("bad\n200 ", "port 4096/health says 'bad', which 'fine' does not match"),
        ("\n000 ", "port 4096 does not answer: exit code 0: 000"),
    ],
)
def test_a_port_must_answer_what_it_should(output: str, detail: str) -> None:
    result = check_port(container(curl=output), "base", PORT, Login("me", "x"))
    assert (result.passed, result.detail) == (not detail, detail)


def test_a_login_goes_through_a_pipe_as_it_is() -> None:
    stand_in = container(curl="\n302 http://x/login")
    login = Login("me", "a\"b\\c'd $e")
    assert ask(stand_in, 80, "/x?y=1", login, headers=("Upgrade: websocket",)) == Answer(302, "", "http://x/login")
    ((words, given),) = stand_in.asked
    assert words == "curl --config -"
    assert r'user = "me:a\"b\\c' in given
    assert 'url = "http://127.0.0.1:80/x?y=1"' in given
    assert 'header = "Upgrade: websocket"' in given


def test_no_login_is_sent_where_the_catalog_says_so() -> None:
    stand_in = container(curl="fine\n200 ")
    check_port(stand_in, "base", replace(PORT, credential=""), Login("me", "x"))
    assert "user =" not in stand_in.asked[0][1]


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (Answer(401, ""), True),
        (Answer(403, ""), True),
        (Answer(302, "", "http://127.0.0.1:8080/login"), True),
        (Answer(302, "", "http://127.0.0.1:8080/start"), False),
        (Answer(200, "login"), False),
        (Answer(404, ""), False),
        (Answer(0, "no answer"), False),
    ],
)
def test_a_refusal_is_a_status_or_a_way_to_the_login(answer: Answer, *, refused: bool) -> None:
    assert is_refusal(answer) is refused


# Containers with another command.


def log(*seconds: float) -> str:
    """What supervisord writes of a program that starts and ends in turns; its words are those of a real one."""
    text = "2026-11-28 18:22:05,387 INFO supervisord started with pid 27644\n"
    for number, second in enumerate(seconds):
        time = f"2026-11-28 18:22:{int(second):02},{round(second % 1 * 1000):03}"
        told = "WARN exited: web (exit status 1; not expected)" if number % 2 else "INFO spawned: 'web' with pid 7"
        text += f"{time} {told}\n"
    return text + "2026-11-28 18:22:34,496 INFO waiting for web to die\n"


@pytest.mark.parametrize(
    ("rule", "answers", "said"),
    [
        (
            "command-override",
            {"ps": "/sbin/tini\nsleep infinity\n", "sh": "1000\n" * 3 + "developer\n"},
            "instead of 1000",
        ),
        ("command-override", {"ps": "/sbin/tini\nbash\n"}, "it does not run sleep infinity, but /sbin/tini, bash"),
        ("package-database", {"dpkg": "The following packages are only half installed"}, "half installed"),
        ("package-database", {"dpkg": Ran(2, "", "database is locked", 0.1)}, "exit code 2: database is locked"),
        ("time-zone-variable", {"date": "+0900\n", "test": Ran(1, "", "", 0.1)}, "its clock is at +0900"),
        ("time-zone-variable", {"date": "+0000\n", "env": "+0000\n"}, "with TZ=Asia/Kolkata its clock is at +0000"),
        ("time-zone-variable", {"date": "+0000\n", "test": Ran(1, "", "", 0.1)}, "it has no zone Asia/Kolkata"),
    ],
)
def test_a_bad_container_is_told(rule: str, answers: dict[str, Any], said: str) -> None:
    assert said in "; ".join(find(RUNNING_RULES, rule, container(**answers)))


def test_a_good_container_breaks_no_rule() -> None:
    identity = "1000\n1000\n1000\ndeveloper\n/home/developer/workspace\n/home/developer\nwritable\n"
    failing = log(10.0, 12.0, 13.0, 15.0, 17.4)
    good = container(ps="/sbin/tini\nsleep infinity\n", sh=[identity, failing], date="+0000\n", env="+0530\n")
    assert [find(RUNNING_RULES, rule.name, good) for rule in RUNNING_RULES] == [[], [], [], []]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (log(10.0, 12.0, 12.9, 15.0, 15.9), "web is started again 0.9 s after failure 1 in a row"),
        (log(10.0, 12.0, 13.0, 15.0, 16.0, 18.0), "web is started again 1.0 s after failure 2 in a row"),
        (log(10.0, 12.0, 13.0, 15.0), "web is started again 1 times instead of 2"),
        (log(10.0), "web is started again 0 times instead of 2"),
        ("Error: no such file\n", "the supervisor runs nothing: exit code 0: Error: no such file"),
    ],
)
def test_a_service_without_back_off_is_told(text: str, said: str) -> None:
    assert find(RUNNING_RULES, "back-off", container(sh=text)) == [said]


# Services.

STATUS = "opencode                         RUNNING   pid 19, uptime 0:07:10\n19\n"
ANEW = "opencode   STARTING\n20\n"


def test_the_supervisor_s_words_are_understood() -> None:
    text = "opencode   RUNNING   pid 19, uptime 0:07:10\nvnc:display   BACKOFF   Exited too quickly\n"
    text += "unix:///tmp/s no such file\nnew   STARTING\nold EXITED Nov 23\n"
    assert parse_programs(text + "19\n0\n21\n0\n") == (
        Program("opencode", "RUNNING", 19),
        Program("vnc:display", "BACKOFF", None),
        Program("new", "STARTING", 21),
        Program("old", "EXITED", None),
    )
    assert parse_programs("opencode   RUNNING   pid 19, uptime\n") == (Program("opencode", "RUNNING", None),)


def test_each_credential_has_a_password_of_its_own_that_is_hard_to_quote() -> None:
    expected = replace(EXPECTED, ports=(*EXPECTED.ports, Port(1, "a", "", 1, "A"), Port(2, "b", "", 2, "")))
    logins = make_logins(expected, "s")
    assert set(logins) == {"WEB", "A"}
    assert len({login.password for login in logins.values()}) == 2
    assert all(mark in logins["A"].password for mark in "\"\\' $%")


@pytest.mark.parametrize(
    ("rule", "stand_in", "said"),
    [
        ("services-start", container(codeopen_health=Ran(1, "", "web: port 1", 0.1)), "after 0 s: web: port 1"),
        ("services-start", container(codeopen_health=Ran(1, "", "", 0.1)), "after 0 s: exit code 1"),
        (
            "logins",
            container(curl="\n200 "),
            "port 4096 (web) answers 200 without a login; port 4096 (web) answers 200 with",
        ),
        ("logins", container(curl=Ran(7, "", "refused", 0.1)), "port 4096 (web) answers exit code 7: refused without"),
        ("orphans", container(ps="S 1 0 tini\nZ 9 1 sleep\nZ 8 7 other\n"), "zombie: 9 1 sleep"),
        ("orphans", container(ps=Ran(1, "", "is not running", 0.1)), "its processes can't be seen"),
        ("crashes", container(sh=""), "the supervisor runs nothing"),
        ("crashes", container(sh="a FATAL x\n0\n"), "after 0 s: a is FATAL"),
        ("crashes", container(sh=STATUS), "after opencode was killed: after 0 s: opencode is RUNNING"),
        (
            "crashes",
            container(sh=[STATUS, STATUS, STATUS, "x FATAL\n0\n"]),
            "after opencode was killed: after 0 s: opencode is gone",
        ),
        (
            "crashes",
            container(sh=[STATUS, STATUS, STATUS, ANEW], codeopen_health=Ran(1, "", "bad", 0.1)),
            "after opencode was killed: after 0 s: bad",
        ),
        ("crashes", container(sh=[STATUS, STATUS, STATUS, ANEW, ANEW]), "after 0 s: opencode is STARTING"),
    ],
)
def test_bad_services_are_told(rule: str, stand_in: StandIn, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    # Words with a hyphen can't be names of arguments.
    answers = {key.replace("codeopen health", "codeopen-health"): answer for key, answer in stand_in.answers.items()}
    assert said in "; ".join(find(RULES, rule, services(replace(stand_in, answers=answers))))


def test_a_program_that_does_not_come_back_ends_the_rule() -> None:
    two = "opencode RUNNING pid 19, uptime\nzeta RUNNING pid 30, uptime\n19\n30\n"
    assert len(find(RULES, "crashes", services(container(sh=two)))) == 1


def test_services_that_come_back_and_stay_break_no_rule() -> None:
    good = container(sh=[STATUS, STATUS, STATUS, ANEW, ANEW.replace("STARTING", "RUNNING")])
    assert find(RULES, "crashes", services(good)) == []


def test_a_password_in_the_log_or_on_a_command_line_is_told() -> None:
    password = make_logins(EXPECTED, "secret")["WEB"].password
    told = replace(container(sh=f"opencode --password {password}"), log=f"password is {password}")
    assert find(RULES, "passwords-untold", services(told)) == [
        "WEB_PASSWORD stands in the log",
        "WEB_PASSWORD stands in a command line",
    ]
    assert find(RULES, "passwords-untold", services(container(sh="tini"))) == []
    assert "can't be seen" in find(RULES, "passwords-untold", services(container()))[0]


@pytest.mark.parametrize(
    ("state", "seconds", "said"),
    [
        ({"Running": True, "ExitCode": 0}, 4.9, []),
        ({"Running": True, "ExitCode": 137}, 10.2, ["it ended with exit code 137", "it took 10.2 s to end"]),
        ({"Running": False, "ExitCode": 0}, 0.1, ["it had ended by itself"]),
    ],
)
def test_the_end_is_timed(state: dict[str, Any], seconds: float, said: list[str]) -> None:
    assert find(RULES, "stop", services(replace(container(), ended=state, stop_seconds=seconds))) == said


def test_the_gateway_is_asked_for_a_web_socket() -> None:
    expected = replace(EXPECTED, ports=(Port(4097, "acp-gateway", "", 1, "ACP"),))
    stand_in = container(curl="\n401 ")
    given = services(stand_in, expected=expected, logins=make_logins(expected, "s"))
    assert find(RULES, "logins", given) == []
    assert all("/acp" in text and "Upgrade: websocket" in text for _, text in stand_in.asked)


READ = "ACP_GATEWAY_PASSWORD can be read"


@pytest.mark.parametrize(
    ("looked", "answer", "said"),
    [
        ("40 looked at\n", "\n101 ", []),
        (
            "the memory of node\nthe variables of tini\n40 looked at\n",
            "\n101 ",
            [
                f"{READ}: the memory of node",
                f"{READ}: the variables of tini",
            ],
        ),
        (
            "0 looked at\n",
            "\n101 ",
            [f"{READ}: its processes can't be looked at: exit code 0: 0 looked at"],
        ),
        (
            Ran(1, "", "no python3", 0.1),
            "\n101 ",
            [f"{READ}: its processes can't be looked at: exit code 1: no python3"],
        ),
        ("40 looked at\n", "\n401 ", ["port 4097 (acp-gateway) answers 401 with its login"]),
    ],
)
def test_a_hashed_password_that_a_process_tells_is_told(looked: object, answer: str, said: list[str]) -> None:
    expected = replace(EXPECTED, ports=(Port(4097, "acp-gateway", "", 1, "ACP_GATEWAY"),))
    stand_in = container(python3=looked, curl=answer)
    given = services(stand_in, expected=expected, logins=make_logins(expected, "s"))
    assert find(RULES, "passwords-hidden", given) == said
    password = given.logins["ACP_GATEWAY"].password
    assert not [words for words, _ in stand_in.asked if password in words]
    assert [text for words, text in stand_in.asked if words.startswith("python3")] == [password[::-1]]
    assert [words for words, _ in stand_in.asked if words.startswith("codeopen-health")]


def test_port_checks_come_after_the_start_and_the_stop_is_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    names = [result.name for result in check_services(services(container(curl="ok\n200 ")))]
    assert names == [
        "services-start",
        "web",
        "logins",
        "passwords-untold",
        "passwords-hidden",
        "orphans",
        "crashes",
        "stop",
    ]


# Results.


def test_problems_are_shown_up_to_a_dozen() -> None:
    assert render_problems(["a", "b"]) == "a\nb"
    assert render_problems(map(str, range(14))).splitlines()[-2:] == ["11", "and 2 more"]
    assert render_problems(map(str, range(12))).splitlines()[-1] == "11"


def test_what_keeps_a_rule_from_being_applied_is_its_failure() -> None:
    def find_nothing(expected: Expectation) -> Any:
        raise VerifyError(f"no Engine for {expected.name}")
        yield

    result = apply_rule("image", Rule("a", find_nothing), EXPECTED)
    assert (result.part, result.name, result.passed, result.detail) == ("image", "a", False, "no Engine for js")


def test_the_expectation_of_rules_is_not_changed_by_them() -> None:
    assert isinstance(EXPECTED.env, MappingProxyType)
