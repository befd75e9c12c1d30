from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from commands import LAST_LINES, SetupError, found, run, succeeds
from tests.unit.stand_ins import StandIns


def failing(*command: str | Path, cwd: Path | None = None, seconds: float = 10) -> SetupError:
    with pytest.raises(SetupError) as caught:
        run(command, failure="It failed", cwd=cwd, seconds=seconds)
    return caught.value


def test_standard_output_is_given_back_alone() -> None:
    assert run(["sh", "-c", "echo out; echo err >&2; echo $X"], failure="", env={"X": "mine"}) == "out\nmine\n"


def test_bytes_that_are_not_utf_8_are_no_error() -> None:
    assert run(["printf", "a\\377b"], failure="") == "a�b"


def test_a_missing_command_is_named() -> None:
    error = failing("no-such-program", "x")
    assert (str(error), error.log) == ("It failed (no command no-such-program)", "")


def test_a_missing_folder_is_not_taken_for_a_missing_command(tmp_path: Path) -> None:
    assert str(failing("true", cwd=tmp_path / "gone")) == f"It failed (no folder {tmp_path / 'gone'})"


def test_a_file_that_is_no_program_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = failing(tmp_path / "file")
    assert str(error) == f"It failed ({tmp_path / 'file'} can't be started: Permission denied)"


def test_an_exit_code_comes_with_the_last_lines(stand_ins: StandIns) -> None:
    program = stand_ins.put("talker", "seq 1 100; echo cause >&2; exit 7")
    error = failing(program)
    assert str(error) == "It failed (talker ended with code 7)"
    assert error.log.splitlines() == [*(str(number) for number in range(101 - (LAST_LINES - 1), 101)), "cause"]


def test_a_timeout_ends_the_wait_even_if_a_grandchild_keeps_the_output_open(stand_ins: StandIns) -> None:
    stand_ins.put("slow", 'echo begun; sleep 30 & echo $! >"$HERE/pid"; wait')
    start = time.monotonic()
    error = failing("slow", seconds=0.5)
    os.kill(int((stand_ins.folder / "pid").read_text()), 9)
    assert time.monotonic() - start < 10
    assert str(error) == "It failed (slow took more than 0 s)"
    assert error.log == "begun"


def test_succeeds_is_false_whatever_goes_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert succeeds(["true"])
    assert not succeeds(["false"])
    assert not succeeds(["no-such-program"])
    assert not succeeds([tmp_path / "file"])
    assert not succeeds(["sleep", "9"], seconds=0.1)


def test_found(stand_ins: StandIns) -> None:
    stand_ins.put("only-here")
    assert found("only-here")
    assert not found("no-such-program")
