"""Alembic's entry: runs the versions on the connection that ``migrations.upgrade`` hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from codeopen.service.database.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
