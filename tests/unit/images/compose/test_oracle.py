"""The oracle sees what it must: a difference that it can't see would prove a wrong merge rule."""

from __future__ import annotations

from codeopen.images.compose.linker_cache import PATH as LINKER_CACHE
from tests.engine.oracle import differences
from tests.unit.images.compose.layers import linker_cache, make_base, make_part

BASE = make_base()


def test_libraries_of_one_name_in_another_order_are_a_difference() -> None:
    paths = ["/usr/lib/libx.so.1", "/opt/a/libx.so.1"]
    one, other = (make_part("part", BASE, {LINKER_CACHE: linker_cache(*each)}) for each in (paths, paths[::-1]))
    assert not differences(one, one)
    (difference,) = differences(one, other)
    assert difference.startswith("the linker finds libx.so.1 in [('/usr/lib/libx.so.1'")


def test_what_only_one_of_the_images_deletes_is_a_difference() -> None:
    again = {"etc/passwd": b"root:x:0:0\n"}
    one, other = make_part("part", BASE, again), make_part("part", BASE, {"etc/.wh.passwd": b""}, again)
    assert differences(one, other) == ["etc/passwd: deleted in one of the images"]
