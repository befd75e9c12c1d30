"""The advice as people and programs get it, from the catalog of this repository and from small ones."""

from __future__ import annotations

import argparse
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from codeopen.cli.command import Invocation
from codeopen.cli.popular import parse_bytes, render_records, run
from codeopen.errors import QuantityError
from codeopen.images.popular.advice import advise, advise_order
from codeopen.images.popular.choice import estimate_registry_bytes
from codeopen.images.popular.layer_order import EXACT_ADDONS, NODE_PROJECTS
from codeopen.images.popular.sizes import ASSUMED_ADDON, estimate_sizes
from codeopen.images.popular.use import UseRow, count_use
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.combinations import Combination, popular_combinations
from codeopen.model.selection.order import in_layer_order
from tests.unit.catalogs import make_catalog

CHECKOUT = Path(__file__).parents[4]
USE = """\
flavor,addons,count,project_count
fullstack,,400,300
js,databases,250,200
js,databases+gui,150,100
python,gpu,199,90
rust,cloud,1,1
"""
SIZES = {
    "parts": [
        {"part": part, "unpacked_bytes": unpacked * 10**6, "compressed_bytes": unpacked * 10**6 // 4}
        for part, unpacked in {"base": 700, "js": 1100, "addon-gui": 1100, "addon-databases": 1200}.items()
    ]
}


def ask(tmp_path: Path, output: str, use: str = USE, catalog: Path = CHECKOUT / "catalog", **options: Any) -> str:
    (tmp_path / "use.csv").write_text(use)
    values = {"use": str(tmp_path / "use.csv"), "sizes": None, "budget": "500MB", **options}
    outcome = run(Invocation(argparse.Namespace(**values), catalog, output))
    assert (outcome.code, outcome.errors) == (0, "")
    return outcome.output


def sizes(tmp_path: Path) -> str:
    (tmp_path / "sizes.json").write_text(json.dumps(SIZES))
    return str(tmp_path / "sizes.json")


def test_text_says_what_to_compose_what_is_left_and_which_order_is_best(tmp_path: Path) -> None:
    lines = ask(tmp_path, "text", sizes=sizes(tmp_path), budget="150KB").splitlines()
    # What is not measured is estimated by the catalog, beside the base that is.
    catalog = read_catalog(CHECKOUT / "catalog")
    base = catalog.base.estimated_size_mb
    fullstack, python = (catalog.flavors[flavor].estimated_size_mb - base + 700 for flavor in ("fullstack", "python"))
    gpu = (catalog.addons["gpu"].estimated_size_mb or 0) - base + catalog.companions["python-cuda"].estimated_size_mb
    assert [" ".join(line.split()) for line in lines[1:4]] == [
        f"fullstack 40.0 % 40.0 % 0 KB ~{fullstack:,} MB yes",
        "js + databases 25.0 % 65.0 % 70 KB 1,600 MB no",
        f"python + gpu 19.9 % 84.9 % 70 KB ~{python + gpu:,} MB yes",
    ]
    assert lines[5] == (
        "3 of 5 combinations in use, in 140 KB of the registry (budget 150 KB): 84.9 % of 1,000 selections find theirs."
    )
    assert lines[6] == "Expected of selections to come, new combinations among them: 84.9 %."
    assert "  js + gui + databases: 15.0 %" in lines
    assert "  js + code-server" in lines[lines.index("Popular in the catalog, and not chosen:") :]
    first = next(line.split() for line in lines if line.startswith("databases "))
    assert first[-2:] == ["500", "MB"]
    assert int(first[2]) < int(next(line.split() for line in lines if line.startswith("gui "))[2])
    assert "is expected to unpack" in lines[-3]
    assert lines[-1].startswith("With another order, ")


def test_text_says_so_when_the_order_is_the_best_already(tmp_path: Path) -> None:
    text = ask(tmp_path, "text", use="flavor,addons,count\njs,,1\njs,gui,1\n")
    catalog = read_catalog(CHECKOUT / "catalog")
    gui = (catalog.addons["gui"].estimated_size_mb or 0) - catalog.base.estimated_size_mb
    # Its size, unless all of ten projects are without.
    told = f"is expected to unpack {gui * (1 - 2**-10):,.2f} MB of add-ons. No other order of layers makes it less.\n"
    assert text.endswith(told)


def test_json_has_all_of_it(tmp_path: Path) -> None:
    data = json.loads(ask(tmp_path, "json", sizes=sizes(tmp_path), budget="150KB"))
    assert (data["selections"], data["budget_bytes"], data["registry_bytes"]) == (1000, 150_000, 140_000)
    assert (data["hit_rate"], data["bound"]) == (0.849, 0.849 + 0.15 * 10 / 100)
    assert [(row["flavor"], row["chosen"]) for row in data["combinations"]] == [
        ("fullstack", True), ("js", True), ("python", True), ("js", False), ("rust", False),
    ]  # fmt: skip
    assert data["order"]["best"].index("databases") < data["order"]["best"].index("gui")
    assert data["order"]["saved_bytes"] == pytest.approx(
        data["order"]["now_bytes"]["unpacked"] - data["order"]["best_bytes"]["unpacked"], abs=1
    )
    assert data["order"]["saved_bytes"] > 0
    assert data["sizes"]["databases"] == {"unpacked": 500_000_000, "compressed": 125_000_000, "measured": True}
    assert {"flavor": "js", "addons": ["code-server"]} in data["dropped"]


def test_yaml_is_what_the_catalog_takes(tmp_path: Path) -> None:
    records = ask(tmp_path, "yaml")
    assert records.startswith("# Best layer_order in addons.yaml: ")
    first = yaml.safe_load(records)["popular"][0]
    assert first == {"flavor": "fullstack", "addons": [], "reason": "400 of 1,000 selections"}
    shutil.copytree(CHECKOUT / "catalog", tmp_path / "catalog")
    (tmp_path / "catalog" / "popular.yaml").write_text(records)
    catalog = read_catalog(tmp_path / "catalog")
    assert len(popular_combinations(catalog)) == 5
    again = ask(tmp_path, "json", catalog=tmp_path / "catalog")
    assert json.loads(again)["dropped"] == []
    assert all(row["popular"] for row in json.loads(again)["combinations"])


def test_the_page_s_example_and_figures_are_what_the_command_takes_and_does(tmp_path: Path) -> None:
    page = (CHECKOUT / "docs" / "how-to" / "choose-popular-combinations.md").read_text()
    (example,) = re.findall(r"^```csv use\.csv\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    data = json.loads(ask(tmp_path, "json", use=example, budget="10MB"))
    assert (data["selections"], data["hit_rate"]) == (9191, 1)
    assert data["combinations"][-1]["projects"] == 1
    costs = {estimate_registry_bytes(Combination("js", addons)) for addons in ((), ("gui",), ("gui", "gpu"))}
    assert costs == {0, 70_000, 100_000}
    assert "at 40 KB and 30 KB more for each add-on" in page
    assert (NODE_PROJECTS, EXACT_ADDONS) == (10, 10)
    assert "has run ten projects" in page.replace("\n", " ")
    assert "up to ten add-ons in use" in page.replace("\n", " ")
    assert f"counts {ASSUMED_ADDON // 10**6} MB" in page


def test_projects_decide_the_order_and_selections_the_choice() -> None:
    catalog = make_catalog()
    # gui is selected more often, but what runs has databases.
    rows = (("gui",), 9, 0), (("databases",), 1, 5), (("databases", "gui"), 1, 5)
    use, _ = count_use(catalog, [UseRow("t:1", "js", *row) for row in rows])
    advice = advise(catalog, use, estimate_sizes(catalog), 70_000)
    assert [ranked.use.combination.addons for ranked in advice.choice.chosen] == [("gui",)]
    assert advice.order.best[:2] == ("databases", "gui")


def test_what_can_t_be_had_any_more_is_told() -> None:
    catalog = make_catalog()
    use, _ = count_use(catalog, [UseRow("t:1", "js", ("jvm",), 4, 4), UseRow("t:2", "js", (), 1, 1)])
    advice = advise(catalog, use, estimate_sizes(catalog), 10**6)
    assert [(each.combination.addons, each.obstacle) for each in advice.refused] == [(("jvm",), "jvm is planned")]
    assert render_records(advice) == "popular:\n  - flavor: js\n    addons: []\n    reason: 1 of 5 selections\n"


@pytest.mark.parametrize(
    ("text", "size"),
    [("500MB", 500_000_000), ("1.5 GB", 1_500_000_000), ("2KiB", 2048), ("0B", 0), ("7kb", 7000), ("0.5 B", 0)],
)
def test_budgets_are_read(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["500", "MB", "-1MB", "1,5GB", "1e9B", "", "1PB", "9" * 99 + "B", "\u0661MB"])
def test_what_is_no_budget_says_how_to_write_one(text: str) -> None:
    with pytest.raises(QuantityError, match="is no amount of bytes; write a number with its unit, as 500MB or"):
        parse_bytes(text)


CATALOG = make_catalog()


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["js", "go"]),
            st.frozensets(st.sampled_from(sorted(CATALOG.addons))),
            st.integers(0, 50),
            st.integers(0, 50),
        ),
        min_size=1,
        max_size=12,
    ),
    budget=st.integers(0, 400_000),
)
def test_no_advice_is_worse_than_the_catalog(rows: list[tuple[str, frozenset[str], int, int]], budget: int) -> None:
    use, problems = count_use(
        CATALOG, [UseRow("t:1", flavor, tuple(addons), *counts) for flavor, addons, *counts in rows]
    )
    assert problems == ()
    sizes = estimate_sizes(CATALOG)
    advice = advise(CATALOG, use, sizes, budget)
    assert advice.order.now == tuple(addon.id for addon in in_layer_order(CATALOG.addons.values()))
    assert sorted(advice.order.best) == sorted(advice.order.now)
    assert advice.order.saved >= 0
    assert advice == advise(CATALOG, use, sizes, budget)
    more = advise(CATALOG, use, sizes, budget + 100_000)
    assert more.choice.hit_rate >= advice.choice.hit_rate
    assert more.order == advice.order == advise_order(CATALOG, use, sizes), "the budget has no say in the order"
