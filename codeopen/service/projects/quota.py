"""What an owner's projects may take together, checked in the transaction that takes it."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, select

from codeopen.errors import FieldReason, RefusedError
from codeopen.model.quantity import Cpu, Memory
from codeopen.model.selection.price import price_a_month
from codeopen.service.database.tables import OWNERS
from codeopen.service.projects.rows import total
from codeopen.service.projects.values import Chosen, Quota


def check_quota(connection: Connection, owner: str, chosen: Chosen, default: Quota, without: str = "") -> None:
    """Raises RefusedError with every limit that one more project, or ``without`` as it becomes, would exceed.

    The caller holds the owner's lock.
    """
    reasons = tuple(_exceeded(connection, owner, chosen, quota_of(connection, owner, default), without))
    if reasons:
        raise RefusedError(403, "quota-exceeded", "The owner's quota has no room for this.", reasons)


def quota_of(connection: Connection, owner: str, default: Quota) -> Quota:
    """An owner's quota: their own limits, and the service's where they have none."""
    row = connection.execute(select(OWNERS).where(OWNERS.c.owner == owner)).one_or_none()
    if row is None:
        return default
    return Quota(
        default.projects if row.max_projects is None else row.max_projects,
        default.cpu_millis if row.max_cpu_millis is None else row.max_cpu_millis,
        default.memory_bytes if row.max_memory_bytes is None else row.max_memory_bytes,
        default.gpus if row.max_gpus is None else row.max_gpus,
        default.price_cents if row.max_price_cents is None else row.max_price_cents,
    )


def _exceeded(connection: Connection, owner: str, chosen: Chosen, quota: Quota, without: str) -> Iterator[FieldReason]:
    held = total(connection, owner, without)
    rows = (
        ("projects", held.projects, 1, quota.projects, str),
        ("cpu", held.cpu_millis, chosen.cpu_millis, quota.cpu_millis, lambda amount: str(Cpu(amount))),
        ("memory", held.memory_bytes, chosen.memory_bytes, quota.memory_bytes, lambda amount: str(Memory(amount))),
        ("gpus", held.gpus, chosen.gpus, quota.gpus, str),
        ("price", held.price_cents, chosen.price_cents, quota.price_cents, price_a_month),
    )
    for name, taken, more, limit, shown in rows:
        if taken + more > limit and more > 0:
            yield FieldReason(
                f"quota-{name}",
                "",
                f"{name}: the owner's projects take {shown(int(taken))}, this one {shown(more)}, and the quota is "
                f"{shown(limit)}",
                "choose less, delete a project, or ask for a larger quota",
            )
