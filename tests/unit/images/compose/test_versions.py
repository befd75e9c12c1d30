from __future__ import annotations

from itertools import pairwise

import pytest

from codeopen.images.compose.versions import version_key

# Each is before the next; deb-version(7) has some of them, dpkg --compare-versions says so of all.
ORDERED = (
    "0~~", "0~~a", "0~", "0", "0a", "0+b", "1.0~~rc", "1.0~beta1~svn1245", "1.0~beta1", "1.0~rc1", "1.0-0~1", "1.0",
    "1.0-0a", "1.0-0.1", "1.0-1~bpo12+1", "1.0-1", "1.0-1ubuntu2", "1.0-1ubuntu10", "1.0-1+b1", "1.0-1.1", "1.0-2",
    "1.0a-1", "1.0+dfsg-1", "1.0-a-1", "1.2", "1.9", "1.10", "2", "1:0.1", "1:1~", "1:1", "1:1.0:2", "2:0",
)  # fmt: skip


@pytest.mark.parametrize(("lower", "higher"), list(pairwise(ORDERED)))
def test_versions_are_ordered_as_dpkg_orders_them(lower: str, higher: str) -> None:
    assert version_key(lower) < version_key(higher)


@pytest.mark.parametrize(
    ("one", "other"), [("1.0", "0:1.0"), ("1.0", "1.0-0"), ("1.0-", "1.0"), ("1.00", "1.0"), ("1.", "1.0"), ("01", "1")]
)
def test_different_texts_may_be_the_same_version(one: str, other: str) -> None:
    assert version_key(one) == version_key(other)


def test_numbers_of_any_length_are_compared() -> None:
    assert version_key("1." + "9" * 5000) < version_key("1.1" + "0" * 5000)
