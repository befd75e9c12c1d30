from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from codeopen import errors
from codeopen.cli.commands import COMMANDS, GROUPS
from codeopen.cli.exit_codes import _OF, MEANINGS, exit_code_of
from codeopen.cli.main import main
from codeopen.images.locks.lock import LeaseLostError
from codeopen.images.retention.stored import RetentionError
from tests.unit.trees import write_tree

CHECKOUT = Path(__file__).parents[3]
GOLDEN = CHECKOUT / "tests/golden"
UPDATE = os.environ.get("CODEOPEN_UPDATE_GOLDENS") == "1"
TREE = {
    "VERSION": "0.0.2\n",
    "dockerfiles/base/Dockerfile": "FROM ubuntu\n",
    "dockerfiles/flavors/js/Dockerfile": "FROM base\n",
    "dockerfiles/flavors/js/tools.json": "{}\n",
    "dockerfiles/addons/databases/Dockerfile": "FROM base\n",
    "dockerfiles/companions/python-cuda/Dockerfile": "FROM base\n",
}
RESOLVE = ("resolve", "--tier", "builder", "--flavor", "js")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real catalog beside small build contexts, so that goldens change with the catalog only."""
    root = write_tree(tmp_path_factory.mktemp("checkout"), TREE)
    shutil.copytree(CHECKOUT / "catalog", root / "catalog")
    return root


@pytest.fixture
def here(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(checkout)
    return checkout


def call(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(argv)
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.mark.parametrize(
    ("golden", "words"),
    [
        ("catalog-check.json", "catalog check --format json"),
        ("catalog-check.txt", "catalog check"),
        ("resolve.json", "resolve --tier power --flavor polyglot --addon gui --addon databases --addon gpu"),
        ("resolve.txt", "resolve --tier power --flavor polyglot --addon gui --addon databases --format text"),
        ("resolve-refused.json", "resolve --tier starter --flavor pyhton --addon gpu --addon gpu --addon mobile"),
        ("plan-parts.json", "plan parts --format json"),
        ("plan-parts.txt", "plan parts"),
        ("plan-combinations.json", "plan combinations --format json"),
        ("plan-combinations.txt", "plan combinations"),
        ("plan-combinations-all.txt", "plan combinations --all"),
        ("plan-matrix.json", "plan matrix --format json"),
        ("plan-matrix.txt", "plan matrix"),
        ("plan-graph.mmd", "plan graph"),
        ("plan-graph.dot", "plan graph --format dot"),
        ("plan-graph.svg", "plan graph --format svg"),
        ("plan-graph.json", "plan graph --format json"),
    ],
)
def test_output_is_as_reviewed(here: Path, capsys: pytest.CaptureFixture[str], golden: str, words: str) -> None:
    assert here
    code, out, err = call(capsys, *words.split())
    assert (code, bool(err)) == ((4, True) if "refused" in golden else (0, False))
    if UPDATE:
        (GOLDEN / golden).write_text(out, encoding="utf-8")
    assert out == (GOLDEN / golden).read_text(encoding="utf-8"), "set CODEOPEN_UPDATE_GOLDENS=1 and review the diff"


def test_every_golden_belongs_to_a_command() -> None:
    prefixes = tuple("-".join(command.words) for command in COMMANDS)
    assert all(path.name.startswith(prefixes) for path in GOLDEN.iterdir())


def test_all_1536_combinations_are_listed_only_when_asked_for(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert here
    counts = []
    for words in (("--all",), ()):
        rows = json.loads(call(capsys, "plan", "combinations", *words, "--format", "json")[1])["combinations"]
        assert len({row["image"] for row in rows}) == len(rows)
        counts.append(len(rows))
    assert counts == [6 * 2**8, 11]


def test_a_refusal_has_the_keys_of_a_resolution_and_tells_people_too(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert here
    done = json.loads(call(capsys, *RESOLVE)[1])
    code, out, err = call(capsys, *RESOLVE, "--addon", "gpu")
    refused = json.loads(out)
    assert (code, list(refused)) == (4, list(done))
    assert refused["image"] is refused["resources"] is refused["ports"] is refused["env"] is None
    (reason,) = refused["reasons"]
    assert err == f"{reason['code']}: {reason['message']}; {reason['fix']}\n"
    assert call(capsys, *RESOLVE, "--addon", "gpu", "--format", "text") == (4, "", err)


def test_release_options_make_the_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert here
    options = ("--registry", "ghcr.io", "--owner", "team/x", "--version", "9")
    assert json.loads(call(capsys, *RESOLVE, *options)[1])["image"] == "ghcr.io/team/x/codeopen-js:9"
    code, out, _ = call(capsys, *RESOLVE, "--owner", "NO")
    assert (code, json.loads(out)["reasons"][0]["code"]) == (4, "image-name")


def test_common_options_stand_before_and_after_the_command(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    catalog = ("--catalog", str(checkout / "catalog"))
    as_json = ("--format", "json")
    told = {
        call(capsys, *argv)
        for argv in (
            (*catalog, *as_json, "plan", "parts"),
            ("plan", *catalog, *as_json, "parts"),
            ("plan", "parts", *as_json, *catalog),
            (*as_json, "plan", "parts", *catalog),
            ("--format", "text", "plan", "parts", *catalog, *as_json),
        )
    }
    assert len(told) == 1
    assert next(iter(told))[0] == 0


@pytest.mark.parametrize("folder", ["catalog/.", "./catalog", "catalog/../catalog", "."])
def test_the_checkout_is_found_beside_the_catalog(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    monkeypatch.chdir(checkout / "catalog" if folder == "." else checkout)
    code, out, _ = call(capsys, "plan", "parts", "--catalog", folder)
    assert (code, out) == (0, (GOLDEN / "plan-parts.txt").read_text())


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("plan",),
        ("nonsense",),
        ("resolve", "--tier", "builder"),
        (*RESOLVE, "--format", "svg"),
        ("plan", "graph", "--format", "text"),
        ("plan", "parts", "--unknown"),
        ("plan", "parts", "--plat", "linux/amd64"),
    ],
)
def test_wrong_usage_ends_with_2(here: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]) -> None:
    assert here
    code, out, err = call(capsys, *argv)
    assert (code, out) == (2, "")
    assert err.startswith("usage: codeopen")


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("catalog", "check", "--catalog", "missing"), "missing"),
        (("plan", "parts", "--catalog", "VERSION"), "VERSION"),
        (("plan", "parts", "--platform", "linux/riscv64"), "the base is not built for it"),
        (("plan", "matrix", "--owner", "NO"), "'NO' is not an owner"),
    ],
)
def test_invalid_input_ends_with_4_and_a_text(
    here: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], says: str
) -> None:
    assert here
    code, out, err = call(capsys, *argv)
    assert (code, out) == (4, "")
    assert says in err
    assert "Traceback" not in err


def test_a_broken_catalog_is_told_to_people_and_to_programs(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(here / "catalog", tmp_path / "catalog")
    tiers = tmp_path / "catalog/tiers.yaml"
    tiers.write_text(tiers.read_text().replace("memory_limit: 2Gi", "memory_limit: 2GB"))
    catalog = ("--catalog", str(tmp_path / "catalog"))
    code, out, err = call(capsys, "catalog", "check", *catalog, "--format", "json")
    data = json.loads(out)
    assert (code, data["ok"], data["counts"]) == (4, False, None)
    (problem,) = data["problems"]
    assert err.startswith(f"{problem['file']}:{problem['line']}:{problem['column']}: {problem['key_path']}: ")
    assert call(capsys, "catalog", "check", *catalog) == (4, "", err)
    assert call(capsys, *RESOLVE, *catalog) == (4, "", err)


def test_a_missing_version_says_what_to_do(here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(here / "catalog", tmp_path / "catalog")
    catalog = ("--catalog", str(tmp_path / "catalog"))
    code, _, err = call(capsys, *RESOLVE, *catalog)
    assert code == 5
    assert "VERSION: the image version can't be read (No such file or directory)" in err
    assert call(capsys, *RESOLVE, *catalog, "--version", "1")[0] == 0


def test_version_is_the_programs_wherever_it_runs(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = f"codeopen {importlib.metadata.version('codeopen-containers')}\n"
    (tmp_path / "VERSION").write_text("7.7.7\n")
    assert call(capsys, "--version", "--catalog", str(tmp_path / "catalog")) == (0, own, "")
    assert here
    monkeypatch.chdir(tmp_path / "..")
    assert call(capsys, "--version") == (0, own, "")


def test_every_command_can_be_loaded_and_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        assert callable(command.load())
        code, out, _ = call(capsys, *command.words, "--help")
        assert code == 0
        assert " ".join(out.split()).find(command.summary) > 0
        # A script for a shell is not data, and a server prints its log.
        data = set() if command.words in {("completion",), ("service", "run")} else {"json"}
        assert {command.terminal_format, command.pipe_format} | data <= set(command.formats)
    assert {command.words[0] for command in COMMANDS if len(command.words) > 1} == {group for group, _ in GROUPS}


def run(*argv: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import sys; from codeopen.cli.main import main; sys.exit(main())", *argv]
    return subprocess.run(command, text=True, check=False, stderr=subprocess.PIPE, **kwargs)  # type: ignore[call-overload, no-any-return]  # each test's own


@pytest.mark.parametrize("argv", [("--help",), ("plan", "combinations", "--all", "--format", "json")])
def test_a_reader_that_stops_reading_gets_no_complaint(here: Path, argv: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = run(*argv, cwd=here, stdout=write)
    os.close(write)
    assert done.stderr == ""
    assert done.returncode in {0, 129}, "129 where the reader is missed before the command is done"


def test_output_that_cannot_be_written_is_told(here: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = run("plan", "graph", cwd=here, stdout=full)
    assert done.returncode == 7
    assert done.stderr == "codeopen: the output can't be written (No space left on device); free some space\n"


def test_a_terminal_gets_a_table(here: Path) -> None:
    outer, inner = os.openpty()
    assert run(*RESOLVE, cwd=here, stdout=inner).returncode == 0
    os.close(inner)
    assert os.read(outer, 10000).startswith(b"Image        localhost:5000/codeopen/codeopen-js:0.0.2\r\n")
    os.close(outer)


ANY_BYTES = (
    (4, b"unknown-tier", ("resolve", "--tier", "gr\u00fcn", "--flavor", "\udcff", "--format", "text")),
    (0, b"\\udcff: no problems", ("catalog", "check", "--catalog", "\udcff")),
)


@pytest.mark.parametrize(("code", "says", "argv"), ANY_BYTES)
def test_any_locale_and_any_bytes_are_printed(here: Path, code: int, says: bytes, argv: tuple[str, ...]) -> None:
    link = here / "\udcff"
    if not link.is_symlink():
        link.symlink_to("catalog")
    command = [sys.executable, "-c", "import sys; from codeopen.cli.main import main; sys.exit(main())"]
    done = subprocess.run(
        [word.encode("utf-8", "surrogateescape") for word in (*command, *argv)],
        cwd=here,
        env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii:strict"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == code
    assert says in done.stdout + done.stderr
    assert b"Traceback" not in done.stderr


def test_the_start_imports_nothing_heavy() -> None:
    program = "import sys; from codeopen.cli.main import make_parser; make_parser(); "
    program += "print(sorted({'yaml', 'jsonschema', 'pulumi', 'hashlib'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "[]\n"


def test_no_command_imports_pulumi(here: Path) -> None:
    program = "import sys; from codeopen.cli.main import main; main(sys.argv[1:]); "
    program += "assert not [name for name in sys.modules if name.startswith('pulumi')]"
    for command in COMMANDS:
        words = [*command.words, *(RESOLVE[1:] if command.words == ("resolve",) else ())]
        subprocess.run([sys.executable, "-c", program, *words], cwd=here, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("ensur --flavor js", "did you mean 'ensure'?"),
        ("plan combinatons", "did you mean 'combinations'?"),
        ("catalog lst", "did you mean 'list'?"),
        ("resolve --tier builder --flavor js --adon gui", "did you mean '--addon'?"),
        ("catalog check --fromat json", "did you mean '--format'?"),
        ("--verison", "did you mean '--version'?"),
    ],
)
def test_a_wrong_word_says_what_was_probably_meant(capsys: pytest.CaptureFixture[str], words: str, told: str) -> None:
    code, out, err = call(capsys, *words.split())
    assert (code, out) == (2, "")
    assert told in err


def test_a_word_like_no_other_is_refused_without_a_guess(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean" not in call(capsys, "xyzzy")[2]


@pytest.mark.parametrize(
    "words",
    [
        "--addon gui --addon databases",
        "--addon databases,gui",
        "--addon gui, --addon databases",
        "--addons gui,databases",
    ],
)
def test_addons_are_named_one_way(here: Path, capsys: pytest.CaptureFixture[str], words: str) -> None:
    assert here
    code, out, err = call(capsys, *RESOLVE, *words.split())
    assert (code, err) == (0, "")
    assert json.loads(out)["image"].endswith("/codeopen-js-db-gui:0.0.2")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.SettingsError("x"), 4),
        (errors.CatalogError(()), 4),
        (errors.NoSuchStackError("x"), 5),
        (errors.UnknownBlobError("x"), 5),
        (errors.StackInUseError("x"), 6),
        (errors.RegistryError("x"), 7),
        (errors.DeployError("x"), 7),
        (errors.VerifyError("x"), 7),
        (errors.CodeOpenError("x"), 1),
        (errors.RunFailedError("x", ()), 1),
        (errors.UsageError("x"), 2),
        (LeaseLostError("x"), 6),
        (errors.TakenError("x"), 6),
        (RetentionError("x"), 4),
        (FileNotFoundError(), 5),
        (OSError(), 7),
    ],
)
def test_each_kind_of_failure_has_an_exit_code(error: errors.CodeOpenError | OSError, code: int) -> None:
    assert exit_code_of(error) == code


def test_every_kind_of_failure_has_a_documented_code() -> None:
    assert set(_OF) == set(errors.Failing)
    assert set(_OF.values()) <= {code for code, _ in MEANINGS}


def test_the_list_has_every_entry_and_each_can_be_shown(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert here
    rows = json.loads(call(capsys, "catalog", "list", "--format", "json")[1])
    assert {row["kind"] for row in rows} == {"tier", "flavor", "addon"}
    for row in rows:
        shown = json.loads(call(capsys, "catalog", "show", row["id"], "--format", "json")[1])
        assert {name: shown.get(name, row[name]) for name in row} == row
    text = call(capsys, "catalog", "show", "gui")[1]
    assert "extra_memory" in text
    assert "4Gi" in text


def test_an_unknown_entry_is_not_found(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert here
    code, out, err = call(capsys, "catalog", "show", "guii")
    assert (code, out) == (5, "")
    assert "did you mean 'gui'?" in err


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_knows_the_commands(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    code, out, err = call(capsys, "completion", shell)
    assert (code, err) == (0, "")
    assert "ensure" in out
    assert "--addon" in out


def test_bash_completes_a_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The script of docs/how-to/use-the-command-line.md, in a real shell."""
    script = tmp_path / "completion"
    script.write_text(call(capsys, "completion", "bash")[1])
    ask = f"source {script}; COMP_WORDS=(codeopen ens); COMP_CWORD=1; _shtab_codeopen; echo ${{COMPREPLY[@]}}"
    assert subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True).stdout == "ensure\n"
