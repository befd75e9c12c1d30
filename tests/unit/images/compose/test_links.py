from __future__ import annotations

import pytest

from codeopen.images.compose.links import read_links, real_path
from tests.unit.images.compose.layers import Link, make_part

LINKS = read_links(
    make_part(
        "part",
        None,
        {
            "lib": Link("usr/lib"),
            "bin": Link("/usr/bin"),
            "usr/lib/deep/": None,
            "usr/lib/deep/up": Link("../../share"),
            "usr/bin/x": Link("y"),
            "twice": Link("/lib/deep"),
            "round": Link("trip"),
            "trip": Link("round"),
            "usr/plain": b"",
        },
    ).entries
)


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("/lib/udev/hwdb.d", "usr/lib/udev/hwdb.d"),
        ("bin/bash", "usr/bin/bash"),
        ("/usr/lib/udev/", "usr/lib/udev"),
        ("/lib/deep/up/doc", "usr/share/doc"),
        ("/twice/up/doc", "usr/share/doc"),
        ("/./usr//plain", "usr/plain"),
        ("/../usr/../lib/x", "usr/lib/x"),
        ("/lib", "lib"),
        ("/bin/x", "usr/bin/x"),
        ("", ""),
    ],
)
def test_links_among_folders_are_followed(path: str, real: str) -> None:
    assert real_path(path, LINKS) == real


@pytest.mark.parametrize(("path", "real"), [("/lib", "usr/lib"), ("/bin/x/", "usr/bin/y"), ("/usr/plain", "usr/plain")])
def test_the_last_word_is_followed_where_asked_for(path: str, real: str) -> None:
    assert real_path(path, LINKS, follow_last=True) == real


def test_a_path_in_circles_comes_to_an_end() -> None:
    assert real_path("/round/x", LINKS) in {"round/x", "trip/x"}
