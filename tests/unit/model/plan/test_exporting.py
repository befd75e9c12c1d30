from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from codeopen.model.catalog.model import UpstreamKind
from codeopen.model.plan.exporting import image_export, source_date_epoch
from tests.unit.catalogs import make_catalog


@pytest.mark.parametrize(
    ("versions", "epoch"),
    [
        (("20261101T000000Z",), "1793491200"),
        (("20261101T000000Z", "20270102T030405Z"), "1798859045"),
        (("debian-trixie-indexes",), "315532800"),
        ((), "315532800"),
    ],
)
def test_the_newest_snapshot_bounds_the_times_of_files(versions: tuple[str, ...], epoch: str) -> None:
    catalog = make_catalog()
    archive = replace(next(iter(catalog.upstreams.values())), kind=UpstreamKind.PACKAGE_ARCHIVE)
    upstreams = {str(number): replace(archive, version=version) for number, version in enumerate(versions)}
    assert source_date_epoch(replace(catalog, upstreams=MappingProxyType(upstreams))) == epoch


def test_an_export_is_pushed_by_digest_alone_with_bounded_times() -> None:
    words = image_export("localhost:5000/x/y").split(",")
    assert {"name=localhost:5000/x/y", "push=true", "push-by-digest=true", "rewrite-timestamp=true"} <= set(words)
    assert words[-1] == "compression=gzip"
    assert image_export("x", "zstd").endswith(",compression=zstd")
