from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from codeopen.cli.commands import COMMANDS, GROUPS
from codeopen.cli.main import main
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
    assert (code, bool(err)) == ((1, True) if "refused" in golden else (0, False))
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
    assert (code, list(refused)) == (1, list(done))
    assert refused["image"] is refused["resources"] is refused["ports"] is refused["env"] is None
    (reason,) = refused["reasons"]
    assert err == f"{reason['code']}: {reason['message']}; {reason['fix']}\n"
    assert call(capsys, *RESOLVE, "--addon", "gpu", "--format", "text") == (1, "", err)


def test_release_options_make_the_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert here
    options = ("--registry", "ghcr.io", "--owner", "team/x", "--version", "9")
    assert json.loads(call(capsys, *RESOLVE, *options)[1])["image"] == "ghcr.io/team/x/codeopen-js:9"
    code, out, _ = call(capsys, *RESOLVE, "--owner", "NO")
    assert (code, json.loads(out)["reasons"][0]["code"]) == (1, "image-name")


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
def test_errors_end_with_1_and_a_text(
    here: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], says: str
) -> None:
    assert here
    code, out, err = call(capsys, *argv)
    assert (code, out) == (1, "")
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
    assert (code, data["ok"], data["counts"]) == (1, False, None)
    (problem,) = data["problems"]
    assert err.startswith(f"{problem['file']}:{problem['line']}:{problem['column']}: {problem['key_path']}: ")
    assert call(capsys, "catalog", "check", *catalog) == (1, "", err)
    assert call(capsys, *RESOLVE, *catalog) == (1, "", err)


def test_a_missing_version_says_what_to_do(here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(here / "catalog", tmp_path / "catalog")
    catalog = ("--catalog", str(tmp_path / "catalog"))
    code, _, err = call(capsys, *RESOLVE, *catalog)
    assert code == 1
    assert "VERSION: the image version can't be read (No such file or directory)" in err
    assert call(capsys, *RESOLVE, *catalog, "--version", "1")[0] == 0


def test_version(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "VERSION").write_text("7.7.7\n")
    assert call(capsys, "--version", "--catalog", str(tmp_path / "catalog")) == (0, "7.7.7\n", "")
    assert call(capsys, "--version") == (0, (here / "VERSION").read_text(), "")
    monkeypatch.chdir(tmp_path / "..")
    assert call(capsys, "--version")[0] == 0, "away from a checkout the package tells its own"


def test_every_command_can_be_loaded_and_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        assert callable(command.load())
        code, out, _ = call(capsys, *command.words, "--help")
        assert code == 0
        assert " ".join(out.split()).find(command.summary) > 0
        assert {command.terminal_format, command.pipe_format, "json"} <= set(command.formats)
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
    assert (done.returncode, done.stderr) == (0, "")


def test_output_that_cannot_be_written_is_told(here: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = run("plan", "graph", cwd=here, stdout=full)
    assert done.returncode == 1
    assert done.stderr == "codeopen: the output can't be written (No space left on device); free some space\n"


def test_a_terminal_gets_a_table(here: Path) -> None:
    outer, inner = os.openpty()
    assert run(*RESOLVE, cwd=here, stdout=inner).returncode == 0
    os.close(inner)
    assert os.read(outer, 10000).startswith(b"Image        localhost:5000/codeopen/codeopen-js:0.0.2\r\n")
    os.close(outer)


ANY_BYTES = (
    (1, b"unknown-tier", ("resolve", "--tier", "gr\u00fcn", "--flavor", "\udcff", "--format", "text")),
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
