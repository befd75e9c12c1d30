"""Values as bodies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from codeopen.errors import FieldReason
from codeopen.model.catalog.model import Addon, Flavor, Tier
from codeopen.service.api.bodies import (
    AddonAnswer,
    FlavorAnswer,
    OperationAnswer,
    PortAnswer,
    PriceLineAnswer,
    ProjectAnswer,
    QuoteAnswer,
    ReasonAnswer,
    ResourcesAnswer,
    TierAnswer,
)
from codeopen.service.database.catalog_fields import addon_fields, flavor_fields, tier_fields
from codeopen.service.projects.values import Operation, Project
from codeopen.service.quote.quote import Quote


def tier_answer(tier: Tier) -> TierAnswer:
    return TierAnswer(**tier_fields(tier))


def flavor_answer(flavor: Flavor) -> FlavorAnswer:
    return FlavorAnswer(**flavor_fields(flavor), status=flavor.status.value)


def addon_answer(addon: Addon) -> AddonAnswer:
    return AddonAnswer(**addon_fields(addon), status=addon.status.value)


def reason_answers(reasons: Iterable[FieldReason]) -> list[ReasonAnswer]:
    return [ReasonAnswer(code=each.code, field=each.field, detail=each.detail, remedy=each.remedy) for each in reasons]


def quote_answer(quote: Quote) -> QuoteAnswer:
    resolution = quote.resolution
    resources = resolution.resources
    return QuoteAnswer(
        digest=quote.digest,
        image=str(resolution.image),
        resources=ResourcesAnswer(
            cpu=str(resources.cpu),
            memory=str(resources.memory),
            memory_reservation=str(resources.memory_reservation),
            storage_gb=resources.storage_gb,
            gpus=resources.gpus,
        ),
        ports=[PortAnswer(port=port.port, name=port.name) for port in resolution.ports],
        env=dict(resolution.env),
        lines=[
            PriceLineAnswer(kind=line.kind, id=line.id, name=line.name, monthly_price_cents=line.cents)
            for line in quote.lines
        ],
        monthly_price_cents=resolution.monthly_price_cents,
    )


def project_answer(project: Project, operations: Sequence[Operation], *, superseded: bool) -> ProjectAnswer:
    chosen = project.chosen
    return ProjectAnswer(
        id=project.id,
        name=project.name,
        owner=project.owner,
        resource_tier_id=chosen.tier,
        flavor_id=chosen.flavor,
        addon_ids=list(chosen.addons),
        image=chosen.image,
        monthly_price_cents=chosen.price_cents,
        generation=project.generation,
        observed_generation=project.observed_generation,
        desired_state=project.desired_state.value,
        state=project.state.value,
        reason=project.reason,
        recoverable=project.recoverable,
        git_url=project.git_url or None,
        git_revision=project.git_revision or None,
        quote_digest=project.quote_digest or None,
        superseded=superseded,
        created_at=project.created_at,
        updated_at=project.updated_at,
        operations=[_operation_answer(each) for each in operations],
    )


def _operation_answer(operation: Operation) -> OperationAnswer:
    return OperationAnswer(
        id=operation.id,
        kind=operation.kind.value,
        state=operation.state,
        cause=operation.cause,
        requested_by=operation.requested_by,
        generation=operation.generation,
        requested_at=operation.requested_at,
        started_at=operation.started_at,
        finished_at=operation.finished_at,
        error=operation.error,
    )
