"""The reference pages are what the code and the data say today."""

from __future__ import annotations

import fnmatch
import re

import pytest

from codeopen.cli.commands import COMMANDS
from codeopen.images.ondemand.opening import read_source
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.labels import image_labels
from provider.plugin import resource_types
from reference_pages import pages
from reference_pages.images import GATEWAY, LABELS
from tests.live import ROOT

PAGES = pages(ROOT)
FOLDER = ROOT / "docs" / "reference"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_it_is_made_from(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name], "run: make docs"


def test_every_command_is_described_with_its_options() -> None:
    for command in COMMANDS:
        assert f"## `codeopen {' '.join(command.words)}`\n" in PAGES["commands.md"]
    assert "| `--tier T` | required | " in PAGES["commands.md"]
    assert "| 2 | wrong usage: " in PAGES["commands.md"]


def test_every_key_of_a_cluster_is_described_with_its_default() -> None:
    page = PAGES["cluster.md"]
    assert "| `upgradeAfterHours` | whole number | `0` |" in page
    assert "| `domain` | text | required |" in page
    assert "## `codeopen:cluster.registry.store`" in page
    assert "| `maxGpus` | whole number | required |" in page.partition("## `codeopen:cluster.gpuPools[]`")[2]


def test_every_field_of_the_catalog_is_described() -> None:
    names = set(re.findall(r"^ {4}(\w+):", (ROOT / "catalog/addons.yaml").read_text(encoding="utf-8"), re.MULTILINE))
    section = PAGES["catalog.md"].partition("### `addons.<id>`\n")[2].partition("\n#")[0]
    assert names - set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set()
    assert all(row.rstrip(" |").count("|") >= 4 for row in section.splitlines() if row.startswith("| `")), "no meaning"


def test_every_type_of_the_provider_is_described_with_its_outputs() -> None:
    sections = PAGES["provider.md"].split("\n### ")[1:]
    types = resource_types(lambda _: None)
    for section, resource_type in zip(sections, types, strict=True):
        description, _, table = section.partition("\nOutputs besides the inputs: ")
        assert description.startswith(f"`{resource_type.token}`")
        for output in resource_type.computed:
            assert f"`{output}`" in description
        for name in resource_type.table:
            assert f"\n| `{name}` |" in (table or description)


def test_every_label_of_a_planned_image_is_described() -> None:
    plan = read_source("staging", ROOT).plan
    by_id = {planned.part.id: planned for planned in plan.parts}
    notes = dict.fromkeys(read_catalog(ROOT / "catalog").upstreams, "a note")
    used = {
        label
        for planned in plan.parts
        for platform in planned.digests
        for label in image_labels(planned, platform, by_id, notes)
    }
    patterns = [re.sub("<.*>", "*", label) for label in LABELS]
    assert [label for label in sorted(used) if not any(fnmatch.fnmatch(label, each) for each in patterns)] == []
    assert len(used) > 20


def test_the_gateway_s_variables_are_those_that_it_reads() -> None:
    read = set()
    for file in (ROOT / GATEWAY / "src").glob("*.ts"):
        read |= set(re.findall(r'"(ACP_GATEWAY_[A-Z_]+|CODEOPEN_TIER_MEMORY_BYTES|WORKSPACE)"', file.read_text()))
    table = PAGES["images.md"].partition("## ACP gateway")[2]
    # The gateway gives the last one to its agents, and takes it from nobody.
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == read - {"ACP_GATEWAY_CONNECTION_ID"}
