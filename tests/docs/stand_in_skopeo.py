"""Does what the pages ask of ``skopeo``, without a registry: any image is an empty one."""

from __future__ import annotations

import json
import sys
import tarfile
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "setup"))

from oci_layout import Image, write_layout


def main(words: list[str]) -> None:
    layout = Path(words[-1].removeprefix("oci:"))
    match words:
        case ["copy", source, _] if source.startswith("docker://"):
            with tempfile.TemporaryDirectory() as folder:
                tarfile.open(Path(folder) / "empty.tar", "w").close()
                write_layout(Path(folder) / "empty.tar", layout, Image(source, "1", "amd64", {}))
        case ["inspect", "--format", "{{.Digest}}", _]:
            sys.stdout.write(json.loads((layout / "index.json").read_text())["manifests"][0]["digest"] + "\n")
        case _:
            sys.exit(f"this stand-in for skopeo can't do {words}")


main(sys.argv[1:])
