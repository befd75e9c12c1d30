"""Read a catalog folder: files → values → schema → model → cross-file checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from codeopen.errors import CatalogError, Place, Problem
from codeopen.model.catalog import values as build
from codeopen.model.catalog.checks import CHECKS
from codeopen.model.catalog.draft import OPTIONAL, TOPICS, WHOLE, Draft
from codeopen.model.catalog.gpu_values import build_gpus
from codeopen.model.catalog.gpus import Gpus
from codeopen.model.catalog.model import Addon, Catalog, Flavor, Tier
from codeopen.model.catalog.schema import COMMON, check_document, load_schema
from codeopen.model.catalog.source import Document, KeyPath, is_absent, missing_folder, parse, read_text, show_path

Value = TypeVar("Value")
Ranked = TypeVar("Ranked", Tier, Flavor, Addon)

# What only a weakened schema brings about.
_LENIENT: Final = "the schema allows it, but it can't be used"
_RESTORE: Final = "restore the catalog's schema folder"


def read_catalog(directory: Path) -> Catalog:
    """The catalog in a folder. Raises CatalogError with everything that is wrong in it."""
    if missing := missing_folder(directory):
        raise CatalogError(missing)
    problems: list[Problem] = []
    read = {topic: _read_topic(directory, topic, problems) for topic in TOPICS}
    topics = {topic: content for topic, content in read.items() if content}
    draft = _draft(topics, problems)
    problems += [problem for check in CHECKS for problem in check(draft)]
    if problems or draft.base is None:
        raise CatalogError(tuple(dict.fromkeys(problems)))
    return Catalog(
        base=draft.base,
        tiers=_by_sort_order(draft.tiers),
        flavors=_by_sort_order(draft.flavors),
        addons=_by_sort_order(draft.addons),
        popular=tuple(draft.popular.values()),
        upstreams=MappingProxyType(dict(draft.upstreams)),
        legacy=MappingProxyType(dict(draft.legacy)),
        gpus=draft.gpus or Gpus(),
        companions=MappingProxyType(dict(draft.companions)),
    )


class _Topic:
    """A file's document, and the key paths in it that can't be used."""

    def __init__(self, name: str, document: Document, unusable: Iterable[KeyPath]) -> None:
        self.name = name
        self.document = document
        self.unusable = frozenset(path[: self.entry_depth] for path in unusable)

    @property
    def entry_depth(self) -> int:
        return 1 if self.name in WHOLE else 2

    @property
    def content(self) -> Any:
        value = self.document.value
        return value.get(self.name) if isinstance(value, dict) else None

    def entries(self) -> dict[KeyPath, Any]:
        """The entries by their key path, without those that the schema refuses."""
        if () in self.unusable or (self.name,) in self.unusable:
            return {}
        if self.name in WHOLE:
            return {(self.name,): self.content}
        pairs = self.content.items() if isinstance(self.content, dict) else enumerate(self.content)
        return {(self.name, key): value for key, value in pairs if (self.name, key) not in self.unusable}


def _read_topic(directory: Path, topic: str, problems: list[Problem]) -> _Topic | None:
    path = directory / f"{topic}.yaml"
    if topic in OPTIONAL and is_absent(path):
        return None
    schema_path = directory / "schema" / f"{topic}.schema.json"
    text, refused = read_text(path)
    schema_text, schema_refused = read_text(schema_path)
    common, common_refused = read_text(schema_path.with_name(COMMON))
    document, wrong = parse(str(path), text) if not refused else (None, refused)
    problems += [*wrong, *schema_refused, *common_refused]
    if document is None or schema_refused or common_refused:
        return None
    try:
        findings = check_document(document, load_schema(schema_text, common))
    except ValueError as error:
        problems.append(Problem(Place(str(schema_path), 1, 1), "", " ".join(str(error).split()), _RESTORE))
        return None
    problems += [finding.problem for finding in findings]
    read = _Topic(topic, document, [finding.path for finding in findings if not finding.usable])
    if not findings and not isinstance(read.content, dict | list):
        problems.append(Problem(document.place(()), topic, _LENIENT, _RESTORE))
        return None
    return read


def _draft(topics: Mapping[str, _Topic], problems: list[Problem]) -> Draft:
    def built(topic: str, make: Callable[[build.Entry], Value]) -> dict[Any, Value]:
        return _built(topics[topic], make, problems) if topic in topics else {}

    base, gpus = built("base", build.build_base), built("gpus", build_gpus)
    values: dict[str, dict[Any, Any]] = {
        "tiers": built("tiers", build.build_tier),
        "flavors": built("flavors", build.build_flavor),
        "addons": built("addons", build.build_addon),
        "companions": built("companions", build.build_companion),
        "popular": built("popular", build.build_popular),
        "upstreams": built("upstreams", build.build_upstream),
        "legacy": built("legacy", build.build_legacy),
    }
    contents = {name: topic.content for name, topic in topics.items()}
    counts = {name: len(value) for name, value in {**values, "base": base, "gpus": gpus}.items()}
    return Draft(
        documents={name: topic.document for name, topic in topics.items()},
        ids={name: content for name, content in contents.items() if isinstance(content, dict)},
        whole=frozenset(name for name, topic in topics.items() if _is_whole(topic, counts[name])),
        base=base.get("base"),
        gpus=gpus.get("gpus"),
        **values,
    )


def _is_whole(topic: _Topic, count: int) -> bool:
    if topic.unusable:
        return False
    return count == (1 if topic.name in WHOLE else len(topic.content))


def _built(topic: _Topic, make: Callable[[build.Entry], Value], problems: list[Problem]) -> dict[Any, Value]:
    values = {}
    for path, fields in topic.entries().items():
        entry = build.Entry(topic.document, path, fields)
        try:
            value = make(entry)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            what = f"{_LENIENT}: {error!r}"
            entry.problems.append(Problem(topic.document.place(path), show_path(path), what, _RESTORE))
        if entry.problems:
            problems.extend(entry.problems)
        else:
            values[path[-1]] = value
    return values


def _by_sort_order(entries: Mapping[str, Ranked]) -> Mapping[str, Ranked]:
    ranked = sorted(entries.values(), key=lambda entry: entry.sort_order)
    return MappingProxyType({entry.id: entry for entry in ranked})
