"""The first tables. ``projects`` may be the old product's: then it only gets the specification's three columns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from codeopen.service.database.migrations import first

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    first.METADATA.create_all(connection, tables=first.OWN)
    if not sa.inspect(connection).has_table("projects"):
        first.METADATA.create_all(connection, tables=[first.PROJECTS])
        made = "table"
    else:
        there = {column["name"] for column in sa.inspect(connection).get_columns("projects")}
        missing = [name for name in first.CHOSEN if name not in there]
        for name in missing:
            default = sa.text(f"'{first.CHOSEN[name]}'")
            op.add_column("projects", sa.Column(name, sa.Text, server_default=default))
        made = ",".join(missing)
    connection.execute(first.SCHEMA_FACTS.insert().values(name="projects_made", value=made))


def downgrade() -> None:
    connection = op.get_bind()
    facts = first.SCHEMA_FACTS
    made = connection.execute(sa.select(facts.c.value).where(facts.c.name == "projects_made")).scalar_one()
    if made == "table":
        op.drop_table("projects")
    else:
        for name in filter(None, made.split(",")):
            op.drop_column("projects", name)
    first.METADATA.drop_all(connection, tables=first.OWN)
