"""What was done for a learner, step by step."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "interventions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organisation_id", sa.Integer(), nullable=False),
        sa.Column("learner_id", sa.BigInteger(), nullable=False),
        sa.Column("learner_index", sa.LargeBinary(), nullable=False),
        sa.Column("course_id", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_interventions_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interventions")),
    )
    for columns in (("organisation_id", "course_id", "learner_id"), ("organisation_id", "learner_index")):
        op.create_index(op.f(f"ix_interventions_{'_'.join(columns)}"), "interventions", list(columns))
    op.create_table(
        "intervention_steps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("intervention_id", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["intervention_id"], ["interventions.id"], name=op.f("fk_intervention_steps_intervention_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intervention_steps")),
    )
    op.create_index(op.f("ix_intervention_steps_intervention_id"), "intervention_steps", ["intervention_id"])
