"""How every builder writes images, so that the same plan gives the same digest at any time and on any machine.

Source: reproducible-builds.org, "SOURCE_DATE_EPOCH"; BuildKit, "docs/build-repro.md".
"""

from __future__ import annotations

import calendar
import re
from typing import Final

from codeopen.model.catalog.model import Catalog, UpstreamKind

# BuildKit takes it for the times of images and histories. Programs see it in stages that declare it.
EPOCH_ARGUMENT: Final = "SOURCE_DATE_EPOCH"
_SNAPSHOT: Final = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z")
# 1980, the earliest that zip can tell.
_WITHOUT_SNAPSHOT: Final = 315532800


def source_date_epoch(catalog: Catalog) -> str:
    """The time of the package archive's newest snapshot, in seconds since 1970.

    No file of a package is later, so that they keep their times, which byte code made from them names; what a build
    itself writes is later, and gets this time.
    """
    archives = (each for each in catalog.upstreams.values() if each.kind is UpstreamKind.PACKAGE_ARCHIVE)
    found = filter(None, (_SNAPSHOT.fullmatch(archive.version) for archive in archives))
    times = (calendar.timegm(tuple(int(digits) for digits in match.groups())) for match in found)
    return str(max(times, default=_WITHOUT_SNAPSHOT))


def image_export(repository: str, compression: str = "gzip") -> str:
    """BuildKit's words for its image exporter: push to a repository by digest alone, since tags are the release's.

    Times of files are bounded by the build argument; nothing else in an export depends on the builder.
    """
    return (
        f"type=image,name={repository},push=true,push-by-digest=true,oci-mediatypes=true,rewrite-timestamp=true,"
        f"compression={compression}"
    )
