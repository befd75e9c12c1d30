"""trim_index.py INDEX LOCK…: leaves in Cargo's cache of an index only what the lock files name.

It is smaller then, and doesn't depend on the day of the build.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

from crate_index import IndexFile, locked_crates


def main(index: Path, locks: list[Path]) -> None:
    """Trim or remove each file of the index."""
    wanted: defaultdict[Path, set[str]] = defaultdict(set)
    for lock in locks:
        for crate in locked_crates(lock.read_text(encoding="utf-8")):
            wanted[crate.index_path].add(crate.version)
    cache = index / ".cache"
    for path in sorted(cache.rglob("*")):
        if not path.is_file():
            continue
        versions = wanted.get(path.relative_to(cache))
        if versions is None:
            path.unlink()
        else:
            path.write_bytes(IndexFile.parse(path.read_bytes()).keep_only(versions).render())


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
