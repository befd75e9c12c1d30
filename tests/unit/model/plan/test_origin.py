from __future__ import annotations

import pytest

from codeopen.model.plan.origin import LICENSES, SOURCE, join_licenses, joint_origin


@pytest.mark.parametrize(
    ("expressions", "joined"),
    [
        ([], ""),
        (["MIT"], "MIT"),
        (["Zlib", "MIT", "Zlib"], "MIT AND Zlib"),
        (["MIT OR Apache-2.0", "MIT AND Zlib"], "(MIT OR Apache-2.0) AND MIT AND Zlib"),
        (["(MIT OR Apache-2.0) AND MIT", "MIT OR Apache-2.0"], "(MIT OR Apache-2.0) AND MIT"),
        (["GPL-2.0-only WITH Classpath-exception-2.0", "MIT"], "GPL-2.0-only WITH Classpath-exception-2.0 AND MIT"),
        (["A OR B AND C", "D"], "(A OR B AND C) AND D"),
        (["(A AND (B OR C)) AND D"], "(A AND (B OR C)) AND D"),
    ],
)
def test_licences_of_several_hold_together(expressions: list[str], joined: str) -> None:
    assert join_licenses(expressions) == joined
    assert join_licenses([joined] if joined else []) == joined, "what was joined can be joined again"


def test_an_image_of_several_has_their_source_and_all_licences() -> None:
    parts = [{}, {SOURCE: "https://example.org", LICENSES: "MIT"}, {LICENSES: "Zlib AND MIT", "other": "x"}]
    assert joint_origin(parts) == {SOURCE: "https://example.org", LICENSES: "MIT AND Zlib"}
    assert joint_origin([{}]) == {}
