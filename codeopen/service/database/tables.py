"""Every table of the service.

The three of the catalog and the three columns of ``projects`` are those of the specification, "Database Schema", column
by column. All else is in tables beside them, because ``projects`` may be the old product's own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    text,
)

_NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
METADATA: Final = MetaData(naming_convention=_NAMES)


class UtcTime(TypeDecorator[datetime]):
    """A time with its zone, which SQLite would forget. Raises ValueError for one without a zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone: give times in UTC")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


RESOURCE_TIERS: Final = Table(
    "resource_tiers",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("cpu_limit", Text, nullable=False),
    Column("memory_limit", Text, nullable=False),
    Column("memory_reservation", Text, nullable=False),
    Column("storage_gb", Integer, nullable=False),
    Column("monthly_price_cents", Integer, nullable=False),
    Column("is_default", Integer, nullable=False),
    Column("sort_order", Integer, nullable=False),
)
CONTAINER_FLAVORS: Final = Table(
    "container_flavors",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("base_image", Text, nullable=False),
    Column("languages", Text, nullable=False),
    Column("frameworks", Text, nullable=False),
    Column("tools", Text, nullable=False),
    Column("estimated_size_mb", Integer, nullable=False),
    Column("is_default", Integer, nullable=False),
    Column("sort_order", Integer, nullable=False),
)
CONTAINER_ADDONS: Final = Table(
    "container_addons",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("image_suffix", Text, nullable=False),
    Column("extra_cpu", Text, nullable=False),
    Column("extra_memory", Text, nullable=False),
    Column("extra_ports", Text, nullable=False),
    Column("extra_env", Text, nullable=False),
    Column("requires_tier", Text),
    Column("incompatible_with", Text, nullable=False),
    Column("monthly_price_cents", Integer, nullable=False),
    Column("sort_order", Integer, nullable=False),
)
RETIRED_ENTRIES: Final = Table(  # entries that left the catalog while a project uses them
    "retired_entries",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("retired_at", UtcTime, nullable=False),
)
PROJECTS: Final = Table(
    "projects",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("resource_tier_id", Text, server_default=text("'starter'")),
    Column("flavor_id", Text, server_default=text("'fullstack'")),
    Column("addon_ids", Text, server_default=text("'[]'")),
)
SCHEMA_FACTS: Final = Table(  # what a downgrade has to know
    "schema_facts",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
OWNERS: Final = Table(  # a row is locked while an owner's quota is taken; a limit that is null is the service's
    "owners",
    METADATA,
    Column("owner", Text, primary_key=True),
    Column("changes", BigInteger, nullable=False),
    Column("max_projects", Integer),
    Column("max_cpu_millis", BigInteger),
    Column("max_memory_bytes", BigInteger),
    Column("max_gpus", Integer),
    Column("max_price_cents", BigInteger),
)
# No foreign key to projects: there the id may be of another type.
PROJECT_RECORDS: Final = Table(
    "project_records",
    METADATA,
    Column("project_id", Text, primary_key=True),
    Column("owner", Text, ForeignKey("owners.owner"), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("observed_generation", BigInteger, nullable=False),
    Column("desired_state", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recoverable", Boolean, nullable=False),
    Column("keep_data", Boolean, nullable=False),
    Column("git_url", Text, nullable=False),
    Column("git_revision", Text, nullable=False),
    Column("image", Text, nullable=False),
    Column("previous", Text, nullable=False),  # JSON: tier, flavor, addons and image to roll back to; empty for none
    Column("quote_digest", Text, nullable=False),
    Column("cpu_millis", BigInteger, nullable=False),
    Column("memory_bytes", BigInteger, nullable=False),
    Column("gpus", Integer, nullable=False),
    Column("price_cents", BigInteger, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Index(None, "owner", "project_id"),
)
OPERATIONS: Final = Table(
    "operations",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("project_records.project_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("requested_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime),
    Column("error", Text, nullable=False),
    Index(None, "project_id", "id"),
    Index(None, "state", "id"),
)
EVENTS: Final = Table(
    "events",
    METADATA,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("project_id", Text, ForeignKey("project_records.project_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index(None, "project_id", "sequence"),
)
PROJECT_SECRETS: Final = Table(  # values are encrypted with a key that the database never has
    "project_secrets",
    METADATA,
    Column("project_id", Text, ForeignKey("project_records.project_id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)
IDEMPOTENCY_KEYS: Final = Table(
    "idempotency_keys",
    METADATA,
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request", Text, nullable=False),  # SHA-256 of method, path and body
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False, index=True),
)
ACCESS_TOKENS: Final = Table(
    "access_tokens",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("owner", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
)
AUDIT_ENTRIES: Final = Table(
    "audit_entries",
    METADATA,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", UtcTime, nullable=False, index=True),
    Column("actor", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
MIGRATED_PROJECTS: Final = Table(  # what `codeopen migrate legacy` changed, and what to bring back
    "migrated_projects",
    METADATA,
    Column("project_id", Text, primary_key=True),
    Column("old_tier", Text),
    Column("old_flavor", Text),
    Column("old_addons", Text),
    Column("new_tier", Text, nullable=False),
    Column("new_flavor", Text, nullable=False),
    Column("new_addons", Text, nullable=False),
    Column("migrated_at", UtcTime, nullable=False),
)
CHOSEN_COLUMNS: Final = ("resource_tier_id", "flavor_id", "addon_ids")
"""The specification's three columns of ``projects``."""
