"""``codeopen plan explain``: what a part's plan digest is made of, and what changed in it since a git revision.

The working tree is what is explained, committed or not. Upstreams are the catalog's own pins, as in all ``plan``
commands; with ``--stack`` those that the stack's mirror puts in their place count, and the digests are those in the
labels of the stack's images. A mirror isn't in git, so both sides of ``--since`` take today's.

JSON: ``asked``, ``image`` (a combination's, or null), ``since`` (``revision`` and ``commit``, or null), ``order``
(changes of a combination's order of layers), ``parts``: rows of ``part``, ``state``, ``platform``, ``plan_digest``,
``inputs`` (null with ``--since``, and for what can't be built), ``before`` (the earlier plan digest or null),
``changes`` (null without ``--since``). A change has ``kind`` (a word of ``codeopen.model.plan.explain.ChangeKind``),
``subject``, ``text`` and ``causes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.table import render_table, short_digest
from codeopen.environment.mirror import mirror_pins
from codeopen.environment.revision import Revision, extracted, resolve_revision
from codeopen.environment.settings import read_settings
from codeopen.environment.stack_file import read_stack_values
from codeopen.errors import CatalogError, CodeOpenError, RevisionError, UnknownRevisionError
from codeopen.model.catalog.model import Catalog
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.context import read_contexts
from codeopen.model.plan.digest import PlanInputs
from codeopen.model.plan.explain import Change, explain_change, explain_order
from codeopen.model.plan.part_names import parts_named
from codeopen.model.plan.parts import PartId, list_builds
from codeopen.model.plan.plan import PlannedPart, PlanRequest, make_plan
from codeopen.model.selection.name import Release, format_image_name
from codeopen.model.selection.selection import DEFAULT_PLATFORM

Plan = Mapping[PartId, PlannedPart]
# Plan digests don't depend on where images are kept.
_RELEASE: Final = Release("localhost:5000", "codeopen", "any")
_DOCKERFILES: Final = "dockerfiles"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One part on one platform; ``changes`` is None where no revision was asked about."""

    planned: PlannedPart
    platform: str
    before: str | None = None
    changes: tuple[Change, ...] | None = None

    @property
    def digest(self) -> str | None:
        return self.planned.digests.get(self.platform)


def run(invocation: Invocation) -> Outcome:
    checkout = checkout_of(invocation.catalog)
    catalog = read_catalog(invocation.catalog)
    ids, combination = parts_named(catalog, invocation.options.part)
    request = _request(invocation, checkout)
    plan = _plan(checkout, catalog, request)
    since: Revision | None = None
    before: Plan | None = None
    order: tuple[Change, ...] = ()
    if invocation.options.since is not None:
        since = resolve_revision(checkout, invocation.options.since)
        old_catalog, before = _plan_of_revision(invocation, since, request)
        order = explain_order(old_catalog, catalog, combination) if combination else ()
    rows = [
        _explain(before, plan, part_id, platform)
        for part_id in ids
        for platform in (plan[part_id].digests or request.platforms)
    ]
    image = _image(catalog, combination)
    if invocation.format == "json":
        return Outcome(render_json(_as_data(invocation.options.part, image, since, order, rows)))
    told = [f"{image}: made of the plan digests of its parts, in this order\n" if image else ""]
    told += [f"{image}: {change}\n" for change in order]
    told += [_render_changes(row, since) if since else _render_inputs(row) for row in rows]
    return Outcome("\n".join(filter(None, told)))


def _request(invocation: Invocation, checkout: Path) -> PlanRequest:
    platforms = tuple(dict.fromkeys(invocation.options.platform or ()))
    stack: str | None = invocation.options.stack
    if stack is None:
        return PlanRequest(_RELEASE, platforms or (DEFAULT_PLATFORM,))
    settings = read_settings(stack, read_stack_values(checkout, stack), checkout.resolve())
    return PlanRequest(_RELEASE, platforms or settings.platforms, mirror_pins(settings.mirror), settings.substitutes)


def _plan(checkout: Path, catalog: Catalog, request: PlanRequest) -> Plan:
    plan = make_plan(catalog, read_contexts(checkout, list_builds(catalog)), request)
    return MappingProxyType({planned.part.id: planned for planned in plan.parts})


def _plan_of_revision(invocation: Invocation, revision: Revision, request: PlanRequest) -> tuple[Catalog, Plan]:
    """The catalog and the plan of a revision. Raises RevisionError, which names files as git does, ``REV:path``."""
    checkout = checkout_of(invocation.catalog)
    folder = invocation.catalog.name or invocation.catalog.resolve().name
    with extracted(checkout, revision, (folder, _DOCKERFILES)) as temporary:
        if not (temporary / folder).is_dir():
            raise UnknownRevisionError(f"revision {revision.name!r}: has no folder {folder}; name a later one")
        try:
            catalog = read_catalog(temporary / folder)
            # An upstream that the revision doesn't have yet can't be overridden in it.
            pins = {name: pin for name, pin in request.upstreams.items() if name in catalog.upstreams}
            return catalog, _plan(temporary, catalog, replace(request, upstreams=MappingProxyType(pins)))
        except CodeOpenError as error:
            what = (
                "its catalog can't be used by this version" if isinstance(error, CatalogError) else "can't be planned"
            )
            text = str(error).replace(f"{temporary}/", f"{revision.name}:")
            raise RevisionError(f"revision {revision.name!r}: {what}; name a later one\n{text}") from error


def _explain(before: Plan | None, plan: Plan, part_id: PartId, platform: str) -> Explanation:
    planned = plan[part_id]
    if before is None:
        return Explanation(planned, platform)
    old = before[part_id].digests.get(platform) if part_id in before else None
    return Explanation(planned, platform, old, explain_change(before, plan, part_id, platform))


def _image(catalog: Catalog, combination: Combination | None) -> str | None:
    if combination is None:
        return None
    return format_image_name(catalog, _RELEASE, combination.flavor, combination.addons).repository


def _render_inputs(row: Explanation) -> str:
    inputs = row.planned.inputs.get(row.platform)
    if inputs is None or row.digest is None:
        return f"{_title(row)}: has no plan digest ({row.planned.state.value})\n"
    directory = row.planned.part.directory
    rows = [("part", inputs.part, row.planned.part.reason), ("platform", inputs.platform, "")]
    rows.append(("Dockerfile", f"{directory}/Dockerfile", short_digest(inputs.dockerfile)))
    for file in inputs.files:
        value = f"link to {file.link}" if file.link is not None else short_digest(file.digest)
        rows.append(("file", f"{directory}/{file.path}", f"{value}{' executable' if file.executable else ''}"))
    for pin in inputs.upstreams:
        value = " ".join(filter(None, (pin.version, pin.reference, short_digest(pin.digest))))
        rows.append(("upstream", pin.id, value))
    rows += [("build argument", name, ascii(value)) for name, value in inputs.build_arguments]
    if inputs.parent is not None:
        rows.append(("parent", str(row.planned.part.parent), short_digest(inputs.parent)))
    rows += [("taken part", name, short_digest(digest)) for name, digest in inputs.takes]
    return f"{_title(row)}: {row.digest}\n{render_table(('INPUT', 'NAME', 'VALUE'), rows)}"


def _render_changes(row: Explanation, since: Revision) -> str:
    heading = f"{_title(row)}, since {since.name} ({since.commit[:12]})"
    if not row.changes:
        same = "the digest is the same" if row.digest else f"it had and has no plan digest ({row.planned.state.value})"
        return f"{heading}: nothing changed: {same}\n"
    was, now = (short_digest(digest or "none") for digest in (row.before, row.digest))
    return f"{heading}: {was} → {now}\n" + "".join(f"  {change}\n" for change in row.changes)


def _title(row: Explanation) -> str:
    return f"{row.planned.part.id} on {row.platform}"


def _as_data(
    asked: str, image: str | None, since: Revision | None, order: tuple[Change, ...], rows: list[Explanation]
) -> dict[str, Any]:
    return {
        "asked": asked,
        "image": image,
        "since": {"revision": since.name, "commit": since.commit} if since else None,
        "order": [_change_data(change) for change in order],
        "parts": [
            {
                "part": str(row.planned.part.id),
                "state": row.planned.state.value,
                "reason": row.planned.part.reason or None,
                "platform": row.platform,
                "plan_digest": row.digest,
                "inputs": _inputs_data(row, row.planned.inputs.get(row.platform)) if since is None else None,
                "before": row.before,
                "changes": [_change_data(change) for change in row.changes] if row.changes is not None else None,
            }
            for row in rows
        ],
    }


def _inputs_data(row: Explanation, inputs: PlanInputs | None) -> dict[str, Any] | None:
    if inputs is None:
        return None
    part = row.planned.part
    parent = {"part": str(part.parent), "plan_digest": inputs.parent} if inputs.parent is not None else None
    return {
        "dockerfile": {"path": f"{part.directory}/Dockerfile", "digest": inputs.dockerfile},
        "files": [{**asdict(file), "path": f"{part.directory}/{file.path}"} for file in inputs.files],
        "upstreams": [asdict(pin) for pin in inputs.upstreams],
        "build_arguments": dict(inputs.build_arguments),
        "parent": parent,
    }


def _change_data(change: Change) -> dict[str, Any]:
    causes = [_change_data(cause) for cause in change.causes]
    return {"kind": change.kind.value, "subject": change.subject, "text": str(change), "causes": causes}
