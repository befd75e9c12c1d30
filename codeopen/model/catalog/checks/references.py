"""Every reference leads to an entry, and every upstream is used."""

from __future__ import annotations

from collections.abc import Iterator

from codeopen.errors import Problem
from codeopen.model.catalog.draft import Draft, items
from codeopen.model.catalog.model import UpstreamKind


def parts_name_known_upstreams(draft: Draft) -> Iterator[Problem]:
    for part in draft.parts():
        for path, name in items((*part.path, "upstreams"), part.upstreams):
            yield from draft.unknown("upstreams", path, name)


def flavors_take_known_flavors(draft: Draft) -> Iterator[Problem]:
    for flavor in draft.flavors.values():
        for path, name in items(("flavors", flavor.id, "takes"), flavor.takes):
            yield from draft.unknown("flavors", path, name)


def substitutes_name_known_upstreams(draft: Draft) -> Iterator[Problem]:
    for upstream in draft.upstreams.values():
        if upstream.substitute:
            for path, name in items(
                ("upstreams", upstream.id, "substitute", "upstreams"), upstream.substitute.upstreams or ()
            ):
                yield from draft.unknown("upstreams", path, name)


def substitutes_name_known_checks(draft: Draft) -> Iterator[Problem]:
    if not draft.has_all_parts:
        return
    names = {check.name for part in draft.parts() for check in part.checks}
    for upstream in draft.upstreams.values():
        if upstream.substitute:
            path = ("upstreams", upstream.id, "substitute")
            paths = [((*path, "outputs", name), name) for name in upstream.substitute.outputs]
            for item_path, name in (*paths, *items((*path, "without"), upstream.substitute.without)):
                if name not in names:
                    fix = "write the name of a check, or remove it"
                    yield draft.problem(item_path, f'no part has a check "{name}"', fix)


def addons_name_known_tiers(draft: Draft) -> Iterator[Problem]:
    for addon in draft.addons.values():
        if addon.requires_tier is not None:
            yield from draft.unknown("tiers", ("addons", addon.id, "requires_tier"), addon.requires_tier)


def addons_name_known_addons(draft: Draft) -> Iterator[Problem]:
    for addon in draft.addons.values():
        for path, name in items(("addons", addon.id, "requires_addons"), addon.requires_addons):
            yield from draft.unknown("addons", path, name)
        for path, name in items(("addons", addon.id, "incompatible_with"), addon.incompatible_with):
            yield from draft.unknown("addons", path, name)


def companions_name_known_parts(draft: Draft) -> Iterator[Problem]:
    for companion in draft.companions.values():
        for key, topic, names in (
            ("with_flavors", "flavors", companion.with_flavors),
            ("with_addons", "addons", companion.with_addons),
        ):
            for path, name in items(("companions", companion.id, key), names):
                yield from draft.unknown(topic, path, name)


def companions_replace_known_checks(draft: Draft) -> Iterator[Problem]:
    if not draft.has_all_parts:
        return
    for companion in draft.companions.values():
        own = {("flavors", name) for name in companion.with_flavors} | {
            ("addons", name) for name in companion.with_addons
        }
        names = {check.name for part in draft.parts() if part.path in own for check in part.checks}
        for path, name in items(("companions", companion.id, "replaces"), companion.replaces):
            if name not in names:
                what = f'none of its flavors and add-ons has a check "{name}"'
                yield draft.problem(path, what, "write the name of a check of theirs, or remove it")


def popular_names_known_parts(draft: Draft) -> Iterator[Problem]:
    for index, combination in draft.popular.items():
        yield from draft.unknown("flavors", ("popular", index, "flavor"), combination.flavor)
        for path, name in items(("popular", index, "addons"), combination.addons):
            yield from draft.unknown("addons", path, name)


def legacy_names_known_entries(draft: Draft) -> Iterator[Problem]:
    for mapping in draft.legacy.values():
        path = ("legacy", mapping.legacy_tier)
        yield from draft.unknown("tiers", (*path, "tier"), mapping.tier)
        yield from draft.unknown("flavors", (*path, "flavor"), mapping.flavor)
        for item_path, name in items((*path, "addons"), mapping.addons):
            yield from draft.unknown("addons", item_path, name)


def upstreams_are_used(draft: Draft) -> Iterator[Problem]:
    if not draft.has_all_parts:
        return
    used = {name for part in draft.parts() for name in part.upstreams}
    used |= {
        name
        for upstream in draft.upstreams.values()
        if upstream.substitute
        for name in upstream.substitute.upstreams or ()
    }
    for name, upstream in draft.upstreams.items():
        if name not in used and upstream.kind is not UpstreamKind.SERVICE:
            what = "no part names this upstream"
            yield draft.problem(("upstreams", name), what, "name it in a part's upstreams, or remove it", at_key=True)
