"""Bodies of requests and answers: camelCase, as in the specification, "API Endpoints". Unknown fields are refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

_ID: Final = r"^[a-z0-9][a-z0-9-]{0,62}$"
Id = Annotated[str, StringConstraints(pattern=_ID, max_length=63)]
Name = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", min_length=1, max_length=100)]
GitUrl = Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/[!-?A-~]*$", max_length=2048)]
GitRevision = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", max_length=255)]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Addons = Annotated[list[Id], Field(max_length=32)]


class Body(BaseModel):
    """What all bodies have in common."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class SelectionBody(Body):
    """What a quote is asked for."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"resourceTierId": "creator", "flavorId": "python", "addonIds": ["gpu"]}]}
    )
    resource_tier_id: Id = "starter"
    flavor_id: Id = "fullstack"
    addon_ids: Addons = Field(default=[])


class NewProjectBody(SelectionBody):
    """What a project is made of."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "my-ml-project",
                    "resourceTierId": "creator",
                    "flavorId": "python",
                    "addonIds": ["gpu", "code-server"],
                }
            ]
        }
    )
    name: Name
    git_url: GitUrl | None = None
    git_revision: GitRevision | None = None
    quote_digest: Digest | None = None


class ChangeBody(Body):
    """What to change of a project: fields that are left out stay."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"resourceTierId": "power", "addonIds": ["gpu", "gui", "code-server"]}]}
    )
    name: Name | None = None
    resource_tier_id: Id | None = None
    flavor_id: Id | None = None
    addon_ids: Addons | None = None
    quote_digest: Digest | None = None


class SecretBody(Body):
    """The value of a secret."""

    value: Annotated[str, StringConstraints(max_length=32_768, pattern=r"^[^\x00]*$")]


class TierAnswer(Body):
    """A resource tier."""

    id: str
    name: str
    description: str
    cpu_limit: str
    memory_limit: str
    memory_reservation: str
    storage_gb: int
    monthly_price_cents: int
    is_default: bool
    sort_order: int


class FlavorAnswer(Body):
    """A container flavor."""

    id: str
    name: str
    description: str
    base_image: str
    languages: list[str]
    frameworks: list[str]
    tools: list[str]
    estimated_size_mb: int
    is_default: bool
    sort_order: int
    status: str


class AddonAnswer(Body):
    """A container add-on."""

    id: str
    name: str
    description: str
    image_suffix: str
    extra_cpu: str
    extra_memory: str
    extra_ports: list[int]
    extra_env: dict[str, str]
    requires_tier: str | None
    incompatible_with: list[str]
    monthly_price_cents: int
    sort_order: int
    status: str


class ReasonAnswer(Body):
    """One reason: a stable code, the field, what is wrong, and what makes it possible."""

    code: str
    field: str
    detail: str
    remedy: str


class ProblemAnswer(Body):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    reasons: list[ReasonAnswer]


class CompatibilityAnswer(Body):
    """Whether an add-on can be had with a selection, and what it goes with at all."""

    addon_id: str
    compatible: bool
    reasons: list[ReasonAnswer]
    requires_tier: str | None
    tiers: list[str]
    flavors: list[str]
    addons: list[str]
    incompatible_with: list[str]


class ResourcesAnswer(Body):
    """What a container may use."""

    cpu: str
    memory: str
    memory_reservation: str
    storage_gb: int
    gpus: int


class PortAnswer(Body):
    """A port of a container."""

    port: int
    name: str


class PriceLineAnswer(Body):
    """What one entry of the catalog costs."""

    kind: str
    id: str
    name: str
    monthly_price_cents: int


class QuoteAnswer(Body):
    """A quote."""

    digest: str
    image: str
    resources: ResourcesAnswer
    ports: list[PortAnswer]
    env: dict[str, str]
    lines: list[PriceLineAnswer]
    monthly_price_cents: int


class OperationAnswer(Body):
    """Something that was asked for."""

    id: str
    kind: str
    state: str
    cause: str
    requested_by: str
    generation: int
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str


class ProjectAnswer(Body):
    """A project."""

    id: str
    name: str
    owner: str
    resource_tier_id: str
    flavor_id: str
    addon_ids: list[str]
    image: str
    monthly_price_cents: int
    generation: int
    observed_generation: int
    desired_state: str
    state: str
    reason: str
    recoverable: bool
    git_url: str | None
    git_revision: str | None
    quote_digest: str | None
    superseded: bool
    created_at: datetime
    updated_at: datetime
    operations: list[OperationAnswer]


class ProjectPage(Body):
    """A page of projects; ``nextCursor`` is null on the last one."""

    items: list[ProjectAnswer]
    next_cursor: str | None


def plain(body: BaseModel) -> Any:
    """A body as JSON types."""
    return body.model_dump(mode="json", by_alias=True)
