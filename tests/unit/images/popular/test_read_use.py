from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeopen.images.popular import read_use as reading
from codeopen.images.popular.read_use import parse_rows, read_use
from codeopen.images.popular.use import Use, UseError, UseRow, count_use
from codeopen.model.catalog.model import Catalog, LegacyMapping, Status
from tests.unit.catalogs import ARM64, make_addon, make_catalog, make_flavor
from tests.unit.images.popular.samples import used

LEGACY = MappingProxyType(
    {
        "desktop": LegacyMapping("desktop", "power", "polyglot", ("gui",)),
        "lite": LegacyMapping("lite", "starter", "polyglot", ()),
    }
)
CATALOG = replace(make_catalog(), legacy=LEGACY)


def read(tmp_path: Path, text: str | bytes, catalog: Catalog = CATALOG) -> Use:
    file = tmp_path / "use.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_use(catalog, file)


def problems(tmp_path: Path, text: str | bytes) -> list[str]:
    with pytest.raises(UseError) as refused:
        read(tmp_path, text)
    return str(refused.value).replace(f"{tmp_path}/", "").splitlines()


def test_rows_of_one_combination_are_added_up_whatever_their_order(tmp_path: Path) -> None:
    text = "flavor,addons,count\njs,databases+gui,3\npython,,5\n\njs, gui ; databases ,4\n"
    assert read(tmp_path, text).combinations == (used("js gui databases", 7), used("python", 5))


def test_projects_are_the_selections_where_they_are_not_known(tmp_path: Path) -> None:
    text = "project_count,count,addons,flavor\n2,9,gui,js\n,5,,js\n0,6,,go\n"
    assert read(tmp_path, text).combinations == (used("js", 5, 5), used("js gui", 9, 2), used("go", 6, 0))


def test_files_of_other_systems_are_read(tmp_path: Path) -> None:
    text = b'\xef\xbb\xbfFlavor,Addons,Count\r\n"js","gui+databases","12"\r\n'
    assert read(tmp_path, text).combinations == (used("js gui databases", 12),)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("jss,,1", "use.csv:3: there is no flavor 'jss'; did you mean 'js'?"),
        ("js,gui+datbases,1", "use.csv:3: there is no add-on 'datbases'; did you mean 'databases'?"),
        ("js,db,1", "use.csv:3: there is no add-on 'db'; that is an image's suffix: write databases"),
        (
            "desktop,,1",
            "flavor 'desktop'; that is a tier of the old system: write the flavor polyglot with the add-ons gui",
        ),
        ("lite,,1", "that is a tier of the old system: write the flavor polyglot with no add-ons"),
        ("js,gui+gui,1", "use.csv:3: add-on 'gui' is there 2 times; name it once"),
        ("js,gui+,1", "use.csv:3: an add-on is missing in 'gui+'; write ids with + between"),
        ("js,,-4", "use.csv:3: count -4 is negative; write how often it was, from 0 on"),
        ("js,,1.5", "use.csv:3: count '1.5' is no whole number"),
        ("js,,", "use.csv:3: count '' is no whole number"),
        ("js,,1000000000000001", "use.csv:3: count 1000000000000001 is above 1000000000000000"),
        (f"js,,{'9' * 5000}", "use.csv:3: count 99999999999999999999 is above"),
        ("js,,\u0661", "is no whole number"),
        ("js,gui,databases,1", "use.csv:3: 4 fields instead of 3; write flavor,addons,count, with + between add-ons"),
        ("js", "use.csv:3: 1 fields instead of 3"),
        ('js,"gui,1', "use.csv:3: not CSV: unexpected end of data; correct the line and its quotes"),
    ],
)
def test_a_row_that_can_t_be_used_is_named_with_its_line(tmp_path: Path, row: str, told: str) -> None:
    (problem,) = problems(tmp_path, f"flavor,addons,count\ngo,,1\n{row}\n")
    assert told in problem
    assert problem.startswith("use.csv:3: ")


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = "flavor,addons,count\njss,,1\njs,,-1\n\njs,guy,x\n"
    assert [problem.split(": ")[0] for problem in problems(tmp_path, text)] == ["use.csv:2", "use.csv:3", "use.csv:5"]


def test_a_row_of_several_lines_is_named_by_its_first(tmp_path: Path) -> None:
    text = 'flavor,addons,count\njs,"gui\n",1\njs,"guy\n\n",1\njss,,1\n'
    assert [problem.split(": ")[0] for problem in problems(tmp_path, text)] == ["use.csv:4", "use.csv:7"]


def test_a_file_that_is_wrong_all_over_is_not_told_line_by_line(tmp_path: Path) -> None:
    told = problems(tmp_path, "flavor,addons,count\n" + "nope,,1\n" * 100)
    assert (len(told), told[-1]) == (21, "and 80 more of these")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["use.csv:1: the file is empty; write flavor,addons,count as the first line"]),
        ("flavor;addons;count\n", ["use.csv:1: there is no column 'flavor;addons;count'; write flavor,addons,count"]),
        ("flavor,addon,count\n", ["there is no column 'addon'; did you mean 'addons'?", "'addons' is missing"]),
        ("flavor,addons,count,count\n", ["use.csv:1: the column 'count' is there 2 times; keep one"]),
        ("js,,3\n", ["there is no column 'js'", "there is no column ''", "there is no column '3'"]),
        ("flavor,addons,count\n", ["use.csv:1: no selection is counted in it; add rows with a count above 0"]),
        ("flavor,addons,count\njs,,0\n", ["no selection is counted in it"]),
        (b"flavor,addons,count\njs,\xff,0\n", ["use.csv:2: byte 0xff is not UTF-8; save the file as UTF-8"]),
    ],
)
def test_a_file_that_is_no_table_of_use_says_so(tmp_path: Path, text: str | bytes, told: list[str]) -> None:
    found = problems(tmp_path, text)
    for expected, problem in zip(told, found, strict=False):
        assert expected in problem
    assert len(found) >= len(told)


def test_a_file_that_is_not_there_or_too_large_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UseError, match=r"no\.csv: the file can't be read \(No such file or directory\); name a"):
        read_use(CATALOG, tmp_path / "no.csv")
    monkeypatch.setattr(reading, "LARGEST_FILE", 10)
    assert "add its rows up by combination first" in problems(tmp_path, "flavor,addons,count\n")[0]


@pytest.mark.parametrize(
    ("change", "obstacle"),
    [
        ({"status": Status.PLANNED}, "gui is planned"),
        ({"incompatible_with": ("databases",)}, "gui and databases can't be in one image"),
        ({"requires_addons": ("cloud",)}, "gui needs cloud"),
        ({"platforms": (ARM64,)}, "no platform has all of its parts"),
    ],
)
def test_what_the_catalog_refuses_by_now_is_counted_with_the_reason(change: dict[str, object], obstacle: str) -> None:
    gui = replace(make_addon("gui", order=1), **change)  # type: ignore[arg-type]  # fields of Addon
    others = [make_addon("databases", order=2), make_addon("cloud", order=3)]
    catalog = make_catalog(flavors=[make_flavor("js")], addons=[gui, *others])
    use, wrong = count_use(catalog, [UseRow("t:1", "js", ("databases", "gui"), 4, 4), UseRow("t:2", "js", (), 1, 1)])
    assert wrong == ()
    assert use.combinations == (used("js", 1), used("js gui databases", 4, obstacle=obstacle))
    assert use.selections == 5


ROWS = st.lists(
    st.tuples(
        st.sampled_from(sorted(CATALOG.flavors)),
        st.sets(st.sampled_from(sorted(CATALOG.addons))),
        st.integers(0, 1000),
    ),
    max_size=20,
)


@given(rows=ROWS, seed=st.randoms(use_true_random=False))
def test_nothing_depends_on_the_order_of_rows_and_nothing_is_lost(
    rows: list[tuple[str, set[str], int]], seed: object
) -> None:
    def text_of(given_rows: list[tuple[str, set[str], int]]) -> str:
        return "flavor,addons,count\n" + "".join(
            f"{flavor},{'+'.join(sorted(addons))},{count}\n" for flavor, addons, count in given_rows
        )

    shuffled = list(rows)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    counted = [count_use(CATALOG, parse_rows("use.csv", text_of(order))[0]) for order in (rows, shuffled)]
    assert counted[0] == counted[1]
    assert counted[0][1] == ()
    assert counted[0][0].selections == sum(count for _, _, count in rows)
