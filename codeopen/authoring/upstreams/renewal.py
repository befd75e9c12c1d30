"""Renews upstreams and lock files: each whole or not at all.

All work is done in a copy of the checkout. What one upstream changes is laid into the checkout when all of it is made
and the catalog with it can be used; when anything fails the copy is set back, and the checkout stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from codeopen.authoring.new_part.readmes import read_readmes, write_readmes
from codeopen.authoring.upstreams.checkout_copy import CheckoutCopy
from codeopen.authoring.upstreams.inventory import FILE, Inventory, Lock, digests_of, read_inventory
from codeopen.authoring.upstreams.relock import relock
from codeopen.authoring.upstreams.rewrite import replace_version, rewrite_checks, rewrite_upstream
from codeopen.authoring.upstreams.sources import file_digest, image_digest, newest_file, newest_image
from codeopen.errors import CatalogError, CodeOpenError, NoSuchEntryError, UpstreamError
from codeopen.model.catalog.read import read_catalog
from codeopen.model.catalog.source import parse, read_text
from codeopen.model.selection.closest import closest

_IMAGES: Final = frozenset({"image", "service"})
_LOCKED: Final = frozenset({"npm", "pypi", "go", "cargo"})
_CHECKED_FILES: Final = ("base.yaml", "flavors.yaml", "addons.yaml")


class State(StrEnum):
    """What became of an upstream or a lock file; programs may rely on these words."""

    CURRENT = "current"
    MOVED = "moved"  # with --check: would move
    FAILED = "failed"  # it could not be asked or made, and nothing of it was changed
    BY_HAND = "by-hand"  # a person renews it, for the reason that is told


@dataclass(frozen=True, slots=True)
class Renewal:
    """One upstream or lock file: its versions before and after, the files that changed, and the reason of a state."""

    name: str
    kind: str
    state: State
    before: str = ""
    after: str = ""
    files: tuple[str, ...] = ()
    reason: str = ""


class _ByHandError(Exception):
    """Nothing that can be asked says what is newest."""


def renew(checkout: Path, catalog: Path, names: Sequence[str], *, write: bool) -> Iterator[Renewal]:
    """Renew what is named, or all, one after the other. Raises UpstreamError for an unknown name, before anything."""
    inventory = read_inventory(checkout, catalog)
    if names:
        return _renew_each(checkout, catalog, [_target(inventory, name.rstrip("/")) for name in names], write=write)
    everything = [*inventory.upstreams, *(lock.path for lock in sorted(inventory.locks, key=_is_held_to_another))]
    return chain(_renew_each(checkout, catalog, everything, write=write), _others(inventory))


def _is_held_to_another(lock: Lock) -> bool:
    """Whether another lock file must be made before this one, which is held to its versions."""
    return any("requirements.lock" in word for word in lock.arguments)


def _others(inventory: Inventory) -> Iterator[Renewal]:
    """What no registry says anything about: what stands in for upstreams, and what is pinned in programs."""
    for pin in inventory.pins:
        if pin.kind == "substitute":
            reason = "it follows its upstream where it has the same version, else what the stand-in is made of"
        elif pin.kind == "code":
            reason = "it is part of a program; move it together with what is written against it"
        else:
            continue
        place = f"{pin.place.file}:{pin.place.line}"
        yield Renewal(pin.name, pin.kind, State.BY_HAND, pin.version, pin.version, (), f"{place}: {reason}")


def _renew_each(checkout: Path, catalog: Path, targets: Sequence[str], *, write: bool) -> Iterator[Renewal]:
    with ExitStack() as stack:
        copy = CheckoutCopy(checkout, Path(stack.enter_context(TemporaryDirectory(prefix="codeopen-upstreams-"))))
        relative = catalog.resolve().relative_to(checkout.resolve())
        for target in targets:
            yield _renew_one(copy, relative, target, write=write)


def _target(inventory: Inventory, name: str) -> str:
    """The id of the upstream that is named, or the path of the lock file."""
    if name in inventory.upstreams:
        return name
    for lock in inventory.locks:
        if name in {lock.path, lock.folder, lock.folder.removeprefix("dockerfiles/")}:
            return lock.path
    known = [*inventory.upstreams, *(lock.folder for lock in inventory.locks)]
    raise NoSuchEntryError(
        f"{name!r}: neither an upstream nor a lock file's folder; {closest(name, known)}; `codeopen upstream list` "
        "prints all"
    )


def _renew_one(copy: CheckoutCopy, catalog: Path, target: str, *, write: bool) -> Renewal:
    inventory = read_inventory(copy.root, copy.root / catalog, copy.paths)
    lock = next((lock for lock in inventory.locks if lock.path == target), None)
    name = lock.folder if lock else target
    kind = lock.kind if lock else inventory.upstreams[name]["kind"]
    before = "" if lock else inventory.upstreams[name]["version"]
    try:
        if lock:
            _renew_lock(copy.root, inventory, lock)
            after = ""
        else:
            after = _renew_upstream(copy, catalog, inventory, name)
        files = copy.changed()
        if files:
            read_catalog(copy.root / catalog)
        if write:
            copy.lay(files)
    except _ByHandError as by_hand:
        copy.set_back()
        return Renewal(name, kind, State.BY_HAND, before, before, (), str(by_hand))
    except CodeOpenError as error:
        copy.set_back()
        reason = f"the catalog could not be used with it: {error}" if isinstance(error, CatalogError) else str(error)
        return Renewal(name, kind, State.FAILED, before, before, (), reason)
    if not write:
        copy.set_back()
    return Renewal(name, kind, State.MOVED if files else State.CURRENT, before, after, files)


def _renew_upstream(copy: CheckoutCopy, catalog: Path, inventory: Inventory, name: str) -> str:
    root = copy.root
    entry = inventory.upstreams[name]
    old, kind, constraint = entry["version"], entry["kind"], entry.get("constraint", "")
    if kind in _LOCKED:
        new = _moved_in_locks(copy, inventory, name, constraint)
    elif kind in _IMAGES:
        new = newest_image(entry["reference"], old, constraint)
    elif kind == "file" and "releases" in entry:
        new = newest_file(entry["releases"], constraint, old)
    elif kind == "file":
        raise _ByHandError("its entry names no page of releases; add releases, or write version, URL and digest")
    else:
        raise _ByHandError("a snapshot is chosen, not found: write the id of a later one as its version")
    digests = {}
    for _, reference, digest in digests_of(entry) if kind not in _LOCKED else ():
        there = replace_version(reference, old, new)
        if kind in _IMAGES or there != reference:
            digests[digest] = image_digest(there) if kind in _IMAGES else file_digest(there)
    if new == old and all(before == after for before, after in digests.items()):
        return new
    _write(root / catalog / FILE, rewrite_upstream(inventory.document, name, new, digests))
    if new != old:
        _follow(root, catalog, inventory, name, new)
    write_readmes(read_readmes(read_catalog(root / catalog), root), root)
    return new


def _moved_in_locks(copy: CheckoutCopy, inventory: Inventory, name: str, constraint: str) -> str:
    """Move an upstream's package in every lock file that asks for it, and say to which version."""
    package = inventory.upstreams[name]["reference"]
    locks = sorted(inventory.locks_of(name), key=_is_held_to_another)
    if not locks:
        raise UpstreamError(f"no lock file asks for {package}; correct its reference in the catalog")
    for lock in locks:
        relock(copy.root, lock, {package: constraint}, whole=False)
    after = read_inventory(copy.root, Path(inventory.document.file).parent, copy.paths)
    found = {asked.version for lock in after.locks_of(name) for asked in lock.asked if asked.package == package}
    if len(found) != 1:
        raise UpstreamError(f"its lock files would hold different versions: {', '.join(sorted(found))}")
    return found.pop().removeprefix("=").removeprefix("v")


def _follow(root: Path, catalog: Path, inventory: Inventory, name: str, new: str) -> None:
    """What repeats an upstream's version follows: checks that ask for it, and its substitute with its lock file."""
    for file in _CHECKED_FILES:
        text, _ = read_text(root / catalog / file)
        document, _ = parse(file, text)
        if document:
            _write(root / catalog / file, rewrite_checks(document, name, new))
    substitute = root / "dockerfiles" / "substitutes" / name
    old = inventory.upstreams[name]["version"]
    for path in [substitute / "Dockerfile", *substitute.rglob("package.json"), *substitute.rglob("go.mod")]:
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            _write(path, replace_version(text, old, new))
    for lock in inventory.locks:
        if (root / lock.folder).is_relative_to(substitute) and any(old in asked.version for asked in lock.asked):
            relock(root, lock, {}, whole=False)


def _renew_lock(root: Path, inventory: Inventory, lock: Lock) -> None:
    """Move all that a lock file holds but the upstreams' own packages, which move with their upstream."""
    if lock.hold:
        raise _ByHandError(lock.hold)
    own = {entry["reference"] for name, entry in inventory.upstreams.items() if lock in inventory.locks_of(name)}
    # What a substitute is made of has its upstream's version, and follows it.
    stood_for = lock.folder.removeprefix("dockerfiles/substitutes/").partition("/")[0]
    version = inventory.upstreams.get(stood_for, {}).get("version")
    own |= {asked.package for asked in lock.asked if asked.version == version}
    names = [asked.package for asked in lock.asked]
    constraints = lock.constraints or {}
    # One that is asked for twice has a version for each of several Pythons, which a person chose.
    free = {name: constraints.get(name, "") for name in names if name not in own and names.count(name) == 1}
    relock(root, lock, free, whole=True)


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
