"""The catalog: tiers, flavors, add-ons, and what goes together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel

from codeopen.errors import FieldReason, RefusedError
from codeopen.model.catalog.model import Catalog
from codeopen.model.selection.closest import closest
from codeopen.model.selection.selection import Selection
from codeopen.service.api.access import Viewer
from codeopen.service.api.answers import addon_answer, flavor_answer, reason_answers, tier_answer
from codeopen.service.api.bodies import AddonAnswer, CompatibilityAnswer, FlavorAnswer, TierAnswer, plain
from codeopen.service.api.service import Service, service_of
from codeopen.service.quote.quote import make_quote

ROUTER: Final = APIRouter(prefix="/api", tags=["catalog"])
Entry = TypeVar("Entry")
EntryId = Annotated[str, Path(max_length=63)]
IfNoneMatch = Annotated[str, Header(alias="If-None-Match", max_length=1000)]


@ROUTER.get("/resource-tiers", operation_id="listResourceTiers", response_model=list[TierAnswer])
def list_tiers(request: Request, _who: Viewer, if_none_match: IfNoneMatch = "") -> Response:
    """List all resource tiers."""
    return _cached(if_none_match, [tier_answer(each) for each in _sorted(service_of(request).catalog.tiers)])


@ROUTER.get("/resource-tiers/{id}", operation_id="getResourceTier", response_model=TierAnswer)
def get_tier(request: Request, _who: Viewer, id: EntryId, if_none_match: IfNoneMatch = "") -> Response:  # noqa: A002
    """Get a tier by its id."""
    return _cached(if_none_match, tier_answer(_find("tier", service_of(request).catalog.tiers, id)))


@ROUTER.get("/flavors", operation_id="listFlavors", response_model=list[FlavorAnswer])
def list_flavors(request: Request, _who: Viewer, if_none_match: IfNoneMatch = "") -> Response:
    """List all flavors."""
    return _cached(if_none_match, [flavor_answer(each) for each in _sorted(service_of(request).catalog.flavors)])


@ROUTER.get("/flavors/{id}", operation_id="getFlavor", response_model=FlavorAnswer)
def get_flavor(request: Request, _who: Viewer, id: EntryId, if_none_match: IfNoneMatch = "") -> Response:  # noqa: A002
    """Get a flavor by its id."""
    return _cached(if_none_match, flavor_answer(_find("flavor", service_of(request).catalog.flavors, id)))


@ROUTER.get("/addons", operation_id="listAddons", response_model=list[AddonAnswer])
def list_addons(request: Request, _who: Viewer, if_none_match: IfNoneMatch = "") -> Response:
    """List all add-ons."""
    return _cached(if_none_match, [addon_answer(each) for each in _sorted(service_of(request).catalog.addons)])


@ROUTER.get("/addons/{id}", operation_id="getAddon", response_model=AddonAnswer)
def get_addon(request: Request, _who: Viewer, id: EntryId, if_none_match: IfNoneMatch = "") -> Response:  # noqa: A002
    """Get an add-on by its id."""
    return _cached(if_none_match, addon_answer(_find("add-on", service_of(request).catalog.addons, id)))


@ROUTER.get("/addons/{id}/compatibility", operation_id="getAddonCompatibility", response_model=CompatibilityAnswer)
def get_compatibility(
    request: Request,
    _who: Viewer,
    id: EntryId,  # noqa: A002
    tier: Annotated[str, Query(max_length=63, description="a tier to have it with; default: any")] = "",
    flavor: Annotated[str, Query(max_length=63, description="a flavor to have it with; default: any")] = "",
    addon: Annotated[list[str], Query(max_length=32, description="add-ons to have it with")] = [],  # noqa: B006
) -> Response:
    """Whether an add-on goes with a selection, and what it goes with alone."""
    service = service_of(request)
    wanted = _find("add-on", service.catalog.addons, id)
    alone = _Alone(service, wanted.id)
    fits = {
        "tiers": [name for name in service.catalog.tiers if alone.fits(tier=name)],
        "flavors": [name for name in service.catalog.flavors if alone.fits(flavor=name)],
        "addons": [name for name in service.catalog.addons if name != wanted.id and alone.fits(addons=(name,))],
    }
    reasons = _refusals(service, tier or alone.tier, flavor or alone.flavor, (wanted.id, *addon))
    answer = CompatibilityAnswer(
        addon_id=wanted.id,
        compatible=not reasons,
        reasons=reason_answers(reasons),
        requires_tier=wanted.requires_tier,
        incompatible_with=list(wanted.incompatible_with),
        **fits,
    )
    return _cached("", answer)


class _Alone:
    """One add-on with one thing at a time, and the rest as roomy as the catalog has it."""

    def __init__(self, service: Service, addon: str) -> None:
        catalog = service.catalog
        self._service, self._addon = service, addon
        self.tier = max(catalog.tiers.values(), key=lambda each: (each.cpu_limit, each.memory_limit)).id
        self.flavor = catalog.default_flavor.id

    def fits(self, tier: str = "", flavor: str = "", addons: tuple[str, ...] = ()) -> bool:
        needed = _with_needs(self._service.catalog, (self._addon, *addons))
        return not _refusals(self._service, tier or self.tier, flavor or self.flavor, needed)


def _with_needs(catalog: Catalog, addons: Sequence[str]) -> tuple[str, ...]:
    """Add-ons with those that they require."""
    found: dict[str, None] = {}
    waiting = list(addons)
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = None
            waiting += catalog.addons[name].requires_addons
    return tuple(found)


def _refusals(service: Service, tier: str, flavor: str, addons: tuple[str, ...]) -> tuple[FieldReason, ...]:
    try:
        make_quote(service.catalog, Selection(tier, flavor, addons), service.release, service.platform)
    except RefusedError as error:
        return error.reasons
    return ()


def _sorted(entries: Mapping[str, Any]) -> list[Any]:
    return sorted(entries.values(), key=lambda each: each.sort_order)


def _find(kind: str, entries: Mapping[str, Entry], name: str) -> Entry:
    if name not in entries:
        raise RefusedError(404, "no-such-entry", f"The catalog has no {kind} of this id; {closest(name, entries)}.")
    return entries[name]


def _cached(if_none_match: str, answer: BaseModel | Sequence[BaseModel]) -> Response:
    """An answer with a strong ETag, or 304 where the caller has it."""
    data = [plain(each) for each in answer] if isinstance(answer, Sequence) else plain(answer)
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in {word.strip().removeprefix("W/") for word in if_none_match.split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, "application/json")
