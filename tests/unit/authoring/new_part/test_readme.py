"""The block of a README says what the catalog says, and nothing else of the text is touched."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from codeopen.authoring.new_part.readme import BEGIN, END, put_block, render_block
from codeopen.errors import ReadmeError
from codeopen.model.catalog.model import Addon, Catalog, CommandCheck, Port, Status, Substitute
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.parts import list_parts
from codeopen.model.quantity import Memory
from tests.unit.catalogs import make_addon, make_catalog, make_flavor

CATALOG = read_catalog(Path(__file__).parents[4] / "catalog")


def block(catalog: Catalog, part: str) -> str:
    return render_block(catalog, next(each for each in list_parts(catalog) if str(each.id) == part))


def lines(catalog: Catalog, part: str) -> list[str]:
    return block(catalog, part).splitlines()


def one_addon(addon: Addon) -> Catalog:
    return make_catalog(addons=[addon])


FLAVOR = f"""\
{BEGIN}

- **Name**: Ruby, available
- **Image**: `codeopen-ruby`
- **Languages**: Ruby
- **Runtimes**: Ruby 3.4, YJIT
- **Package managers**: gem, bundler
- **Tools**: irb
- **Frameworks**: none
- **Takes from**: fullstack
- **Size**: 1,700 MB unpacked; about 1,700 MB by the specification
- **Platforms**: linux/amd64
- **Not for**: none
- **Upstreams**: ubuntu 24.04, packages 20261101
- **Substitutes**:
  - ubuntu debian-trixie: Debian 13 stands in
- **Checks**: 1

{END}"""
ADDON = f"""\
{BEGIN}

- **Name**: Desktop, planned
- **Image**: `codeopen-addon-gui`; with fullstack `codeopen-fullstack-vnc`
- **Includes**: KasmVNC, xterm
- **Ports**:
  - 6080 `web`: VNC in the browser; login by `VNC_USERNAME`, `VNC_PASSWORD`; place 2 of a project's host ports
- **Variables**: `DISPLAY=:1`, `WIDTH=1280`
- **Adds**: CPU 1500m, memory 4Gi (1Gi of it shared), GPUs 1, $10.05 a month
- **Tier**: `creator` or higher
- **Needs**: fonts
- **Not with**: kiosk, wall
- **Platforms**: linux/amd64
- **Not for**: none
- **Upstreams**: packages 20261101
- **Substitutes**: none
- **Checks**: 0

{END}"""


def test_the_block_of_a_flavor() -> None:
    flavor = replace(
        make_flavor("ruby", 2, 1700),
        languages=("Ruby",),
        runtimes=("Ruby 3.4", "YJIT"),
        package_managers=("gem", "bundler"),
        tools=("irb",),
        takes=("fullstack",),
        upstreams=("ubuntu", "packages"),
    )
    catalog = make_catalog(flavors=[make_flavor("fullstack"), flavor])
    stands_in = Substitute("debian-trixie", "Debian 13 stands in", None, {}, ())
    ubuntu = replace(catalog.upstreams["ubuntu"], substitute=stands_in)
    catalog = replace(catalog, upstreams=MappingProxyType({**catalog.upstreams, "ubuntu": ubuntu}))
    assert block(catalog, "ruby") == FLAVOR
    assert "- **Image**: `codeopen-fullstack`, the default of new projects" in lines(catalog, "fullstack")


def test_what_stands_in_for_a_taken_flavor_and_for_the_base_is_told_where_it_concerns_the_part() -> None:
    flavors = [
        replace(make_flavor("plain", 1), upstreams=()),
        replace(make_flavor("go", 2), upstreams=("packages",)),
        replace(make_flavor("all", 3), upstreams=(), takes=("go",)),
        replace(make_flavor("git", 4), upstreams=(), checks=(CommandCheck("git", ("git",), "2"),)),
    ]
    catalog = make_catalog(flavors=flavors)
    ubuntu = Substitute("trixie", "Debian", None, {"git": "3"}, ())
    packages = Substitute("own", "some packages", None, {}, ())
    upstreams = {
        name: replace(catalog.upstreams[name], substitute=substitute)
        for name, substitute in (("ubuntu", ubuntu), ("packages", packages))
    }
    catalog = replace(catalog, upstreams=MappingProxyType({**catalog.upstreams, **upstreams}))

    def told(part: str) -> list[str]:
        return [line.strip(" -") for line in lines(catalog, part) if line.startswith("  - ")]

    assert "- **Substitutes**: none" in lines(catalog, "plain")
    assert told("go") == told("all") == ["packages own: some packages"]
    assert told("git") == ["ubuntu trixie: Debian"]


def test_the_block_of_an_addon() -> None:
    port = Port(6080, "web", "VNC in the browser", 2, "VNC")
    gui = replace(
        make_addon(
            "gui", "vnc", cpu="1.5", memory="4Gi", ports=(port,), env={"DISPLAY": ":1", "WIDTH": "1280"}, price=1005
        ),
        name="Desktop",
        status=Status.PLANNED,
        shared_memory=Memory.parse("1Gi"),
        gpus=1,
        requires_tier="creator",
        requires_addons=("fonts",),
        incompatible_with=("kiosk",),
        includes=("KasmVNC", "xterm"),
    )
    # What one says of the other holds for both.
    wall = replace(make_addon("wall"), incompatible_with=("gui",))
    catalog = make_catalog(addons=[gui, make_addon("fonts"), make_addon("kiosk"), wall])
    assert block(catalog, "addon-gui") == ADDON
    assert [line for line in lines(catalog, "addon-kiosk") if "Not with" in line] == ["- **Not with**: gui"]


def test_what_a_part_does_not_have_is_said() -> None:
    told = lines(one_addon(make_addon("plain")), "addon-plain")
    assert {"- **Ports**: none", "- **Variables**: none", "- **Tier**: any", "- **Needs**: none"} <= set(told)
    assert "- **Adds**: CPU 0, memory 0, GPUs 0, $0.00 a month" in told


def test_the_block_of_the_base() -> None:
    told = lines(make_catalog(), "base")
    assert told[2:7] == [
        "- **Name**: Base, available",
        "- **Image**: `codeopen-base`",
        "- **Tools**: git",
        "- **Accounts**: `developer` 1000",
        "- **Ports**:",
    ]
    assert told[7].startswith("  - 4096 `opencode`: ; login by `OPENCODE_SERVER_USERNAME`, `OPENCODE_SERVER_PASSWORD`;")
    assert told[8] == "    ports"
    assert "- **Size**: 500 MB unpacked; about 500 MB by the specification" in told
    assert "- **Checks**: 2, 1 of them of ports" in told


@pytest.mark.parametrize("part", [str(part.id) for part in list_parts(CATALOG)])
def test_lines_are_short_and_belong_to_a_list(part: str) -> None:
    for line in lines(CATALOG, part):
        assert len(line) <= 120
        assert line == line.rstrip()
        assert line in {BEGIN, END, ""} or line.startswith(("- **", "  "))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("C# and F#", "C# and F#"),
        ("sqlite_web", "sqlite_web"),
        ("*all* <of> [them](x) `a` b\\c", r"\*all\* \<of> \[them\](x) \`a\` b\\c"),
        ("_it_", r"\_it\_"),
        ("a - b + c > d # e", r"a \- b \+ c \> d \# e"),
        (END, rf"\{END}"),
    ],
)
def test_texts_of_the_catalog_are_no_markup(text: str, shown: str) -> None:
    assert f"- **Includes**: {shown}" in lines(one_addon(replace(make_addon("plain"), includes=(text,))), "addon-plain")


def test_a_variable_s_value_may_have_backticks() -> None:
    told = lines(one_addon(make_addon("plain", env={"A": "x`y``z"})), "addon-plain")
    assert "- **Variables**: ``` A=x`y``z ```" in told


def test_a_mark_in_the_catalog_s_texts_ends_no_block() -> None:
    long = " ".join(["word"] * 30)
    addon = replace(make_addon("plain"), includes=(f"{long} {END}", BEGIN), name=END)
    made = block(one_addon(addon), "addon-plain")
    assert put_block(put_block("# a\n\nB.\n", made), made) == f"# a\n\nB.\n\n{made}\n"


def test_a_block_comes_below_the_title_and_the_first_paragraph() -> None:
    text = "# gui\n\nA desktop,\nin the browser.\n\n- a\n\n## b\n"
    assert put_block(text, "X") == "# gui\n\nA desktop,\nin the browser.\n\nX\n\n- a\n\n## b\n"
    assert put_block("# gui\n\nA desktop.", "X") == "# gui\n\nA desktop.\n\nX"


BEFORE, AFTER = "# gui  \n\r\n\tA\u2028desktop \n", "\r\nTail \t\n\n\n- `x`\n  ends without a newline"


def test_what_people_wrote_is_kept_byte_for_byte() -> None:
    old = f"{BEFORE}{BEGIN}\nwhatever\n\n{END}{AFTER}"
    assert put_block(old, f"{BEGIN}\nnew\n{END}") == f"{BEFORE}{BEGIN}\nnew\n{END}{AFTER}"


def test_a_mark_within_a_line_is_none() -> None:
    text = f"# a\n\nBetween `{BEGIN}` and `{END}`.\n    {BEGIN}\n"
    assert put_block(text, "X") == f"{text}\nX\n"


@pytest.mark.parametrize(
    "marks", [[BEGIN], [END], [END, BEGIN], [BEGIN, BEGIN, END], [BEGIN, END, END], [BEGIN, END, BEGIN, END]]
)
def test_marks_that_do_not_pair_are_told(marks: list[str]) -> None:
    with pytest.raises(ReadmeError, match=re.escape(f"keep one line {BEGIN} and one line {END} below it")):
        put_block("# a\n\nB.\n\n" + "\n".join(marks), "X")


@pytest.mark.parametrize("text", ["", "A sentence.\n", "# Title\n", "# Title\nA sentence.\n", "## a\n\nb\n"])
def test_a_text_without_a_place_for_a_block_is_told(text: str) -> None:
    with pytest.raises(ReadmeError, match="doesn't begin with a title and a sentence"):
        put_block(text, "X")


def test_wrapped_lines_say_the_same() -> None:
    """Joined again, they are the items of the catalog, in its order."""
    unwrapped = textwrap.dedent(block(CATALOG, "polyglot")).replace("\n  ", " ")
    assert f"- **Frameworks**: {', '.join(CATALOG.flavors['polyglot'].frameworks)}\n" in unwrapped
