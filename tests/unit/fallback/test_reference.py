from __future__ import annotations

from pathlib import Path

import pytest

from fallback_plugins.reference import pages
from provider.plugin import resource_types

FOLDER = Path(__file__).parents[3] / "docs" / "reference"


@pytest.mark.parametrize("name", ["fallback-plugins.md", "provider.md"])
def test_the_reference_pages_say_what_the_plugins_do(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == pages()[name], (
        "write it again: python tools/fallback/write_reference.py"
    )


def test_every_type_of_the_provider_is_described_with_its_outputs() -> None:
    sections = pages()["provider.md"].split("\n### ")[1:]
    types = resource_types(lambda _: None)
    for section, resource_type in zip(sections, types, strict=True):
        description, _, table = section.partition("\nOutputs besides the inputs: ")
        assert description.startswith(f"`{resource_type.token}`")
        for output in resource_type.computed:
            assert f"`{output}`" in description
        for name in resource_type.table:
            assert f"\n| `{name}` |" in (table or description)
