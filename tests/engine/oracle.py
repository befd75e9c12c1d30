"""The oracle: an image that was composed, compared with the same combination built as a chain, file by file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from codeopen.images.compose.debconf import DATABASES as DEBCONF
from codeopen.images.compose.entries import Entry
from codeopen.images.compose.linker_cache import PATH as LINKER_CACHE
from codeopen.images.compose.linker_cache import read_linker_cache
from codeopen.images.compose.packages import DATABASES as PACKAGES
from codeopen.images.compose.part_index import PartIndex
from codeopen.images.compose.stanzas import parse_stanzas
from codeopen.images.compose.store import PartImage
from codeopen.images.ondemand.builders.buildx import BuildxBuilder
from codeopen.images.ondemand.chains import build_chain
from codeopen.images.ondemand.composing import Tools, read_index
from codeopen.images.ondemand.events import Event
from codeopen.images.ondemand.jobs import JobSource
from codeopen.images.ondemand.opening import Bench
from codeopen.model.catalog.model import Catalog
from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.parts import BASE, PartId, list_members

# Files whose bytes may differ, because another program wrote them; what they say is compared instead.
COMPARED_BY_MEANING = frozenset((*PACKAGES, *DEBCONF, LINKER_CACHE))


AMD64 = "linux/amd64"


def members_of(catalog: Catalog, combination: Combination) -> Sequence[PartId]:
    return list_members(catalog, combination.flavor, combination.addons)


def chain(source: JobSource, tools: Tools, members: Sequence[PartId], references: Mapping[PartId, str]) -> str:
    """The reference of the same parts, each Dockerfile on the image before it, as the specification builds them.

    ``references`` are the images of the parts, wherever these are; the chain goes to the registry of ``tools``. Its
    files are compared, not its bytes, and packing them would take as long as some of the builds.
    """
    builder = BuildxBuilder(source.settings.builder, source.checkout, compression="uncompressed")
    unit = [source.chain_member(source.by_id[member], AMD64, references) for member in members]
    release = source.plan.release
    return build_chain(tools, builder, unit, (release.owner, release.version, AMD64), _ignore)


def compare(bench: Bench, combination: Combination, chains: Tools) -> list[str]:
    """Everything in which a combination, composed, differs from its chain. Both are read beyond the flavor's layers."""
    store, members = bench.tools.store, members_of(bench.source.catalog, combination)
    composed = bench.ensurer.ensure(combination, AMD64, _ignore).reference
    needed = {need.part.id for member in members for need in bench.source.needs(bench.source.by_id[member])}
    references = {part: str(ref) for part, ref in bench.parts.find_all({*members, *needed}, AMD64).items()}
    chained = chain(bench.source, chains, members, references)
    flavor = store.get(_image(references[members[0]]), None)
    one = _changes(read_index(chains.store, chained, AMD64, flavor), flavor)
    other = _changes(read_index(store, composed, AMD64, flavor), flavor)
    return differences(one, other) + config_differences(one.config, other.config)


def _changes(image: PartIndex, flavor: PartIndex) -> PartIndex:
    """What an image has otherwise than its flavor: a layer may hold what is there already, just the same."""
    return replace(image, entries={path: e for path, e in image.entries.items() if flavor.entries.get(path) != e})


def prove(bench: Bench, members: Sequence[PartId]) -> None:
    """Keep that a pair was compared and is the same."""
    references = bench.parts.find_all((BASE, *members), AMD64)
    base = read_index(bench.tools.store, str(references[BASE]), AMD64, None)
    one, other = (read_index(bench.tools.store, str(references[member]), AMD64, base) for member in members)
    bench.tools.verdicts.prove(base, one, other)


def _image(reference: str) -> PartImage:
    repository, _, digest = reference.partition("/")[2].partition("@")
    return PartImage(repository, digest, AMD64)


def _ignore(event: Event) -> None:
    del event


def differences(chained: PartIndex, composed: PartIndex) -> list[str]:
    """Everything in which two whole images differ, in words; both are indexed from their first layer on."""
    found = _tree_differences(chained.entries, composed.entries)
    deleted = sorted({deletion.path for deletion in chained.deletions ^ composed.deletions})
    found += [f"{path}: deleted in one of the images" for path in deleted]
    if chained.packages.stanzas != composed.packages.stanzas:
        keys = {key for key, _ in chained.packages.stanzas.items() ^ composed.packages.stanzas.items()}
        found.append(f"dpkg knows other packages: {sorted(keys)}")
    for name in ("automatic", "by_name"):
        left, right = getattr(chained.packages, name), getattr(composed.packages, name)
        if left != right:
            found.append(f"apt has other {name} packages: {sorted(left ^ right)}")
    for name in ("diversions", "triggers"):
        left, right = (sorted(getattr(image.packages, name)) for image in (chained, composed))
        if left != right:
            found.append(f"dpkg has other {name}: {left} and {right}")
    for name in DEBCONF:
        left, right = (sorted(_stanzas(image, name)) for image in (chained, composed))
        if left != right:
            found.append(f"{name} says something else")
    return found + _linker_differences(*(image.files.get(LINKER_CACHE, b"") for image in (chained, composed)))


def _linker_differences(chained: bytes, composed: bytes) -> list[str]:
    """Libraries that are found otherwise: of several with one name, the first is loaded."""
    left, right = _paths_by_name(chained), _paths_by_name(composed)
    return [
        f"the linker finds {name} in {left.get(name, [])} and {right.get(name, [])}"
        for name in sorted(left.keys() | right.keys())
        if left.get(name) != right.get(name)
    ]


def _paths_by_name(cache: bytes) -> dict[str, list[tuple[str, int, int]]]:
    found: dict[str, list[tuple[str, int, int]]] = {}
    for library in read_linker_cache(cache):
        found.setdefault(library.name, []).append((library.path, library.flags, library.capabilities))
    return found


def config_differences(chained: Mapping[str, object], composed: Mapping[str, object]) -> list[str]:
    """Keys of two configurations that differ; variables are compared without their order, labels are not."""
    found = []
    for key in sorted((chained.keys() | composed.keys()) - {"Labels"}):
        left, right = chained.get(key) or None, composed.get(key) or None
        if key == "Env" and isinstance(left, list) and isinstance(right, list):
            left, right = sorted(left), sorted(right)
        if left != right:
            found.append(f"{key}: {left!r} and {right!r}")
    return found


def _tree_differences(chained: Mapping[str, Entry], composed: Mapping[str, Entry]) -> list[str]:
    found = [f"{path}: only in the chained image" for path in sorted(chained.keys() - composed.keys())]
    found += [f"{path}: only in the composed image" for path in sorted(composed.keys() - chained.keys())]
    for path in sorted(chained.keys() & composed.keys()):
        left, right = chained[path], composed[path]
        if path in COMPARED_BY_MEANING:
            same = (left.kind, left.mode, left.uid, left.gid) == (right.kind, right.mode, right.uid, right.gid)
        else:
            same = left == right
        if not same:
            found.append(f"{path}: {left} and {right}")
    return found


def _stanzas(image: PartIndex, name: str) -> list[tuple[tuple[str, str], ...]]:
    text = image.files.get(name, b"").decode("utf-8", "surrogateescape")
    return [tuple(sorted(stanza.fields.items())) for stanza in parse_stanzas(text, name)]
