"""Relocate Debian's Gradle: `relocate.py FROM=TO… HOME` changes the paths that its classes hold as constants."""

import sys
import zipfile
from pathlib import Path


def constant(text: str) -> bytes:
    """A text constant as it stands in a class file: its length in two bytes, then its characters."""
    return len(text).to_bytes(2, "big") + text.encode()


def relocate_class(content: bytes, paths: list[tuple[str, str]]) -> bytes:
    """A class with other paths; nothing in a class file refers to a constant by its place."""
    for old, new in paths:
        content = content.replace(constant(old), constant(new))
    return content


def relocate_jar(jar: Path, paths: list[tuple[str, str]]) -> None:
    """Rewrite a jar if one of its classes holds one of the paths."""
    with zipfile.ZipFile(jar) as archive:
        entries = [(entry, archive.read(entry)) for entry in archive.infolist()]
    moved = [
        (entry, relocate_class(content, paths) if entry.filename.endswith(".class") else content)
        for entry, content in entries
    ]
    if moved == entries:
        return
    print(f"relocated {jar.name}")
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in moved:
            archive.writestr(entry, content)


if __name__ == "__main__":
    *pairs, home = sys.argv[1:]
    for jar in sorted(Path(home).glob("lib/**/*.jar")):
        relocate_jar(jar, [(old, new) for old, _, new in (pair.partition("=") for pair in pairs)])
