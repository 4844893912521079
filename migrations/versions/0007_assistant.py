"""the assistant: who waits for a person, articles, decisions"""

from __future__ import annotations

from alembic import op
import sqlalchemy as sa

revision = '0007'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('threads', sa.Column('waiting_since', sa.DateTime(timezone=True), nullable=True))
    op.create_index('ix_threads_waiting_since', 'threads', ['waiting_since'], postgresql_where=sa.text('waiting_since IS NOT NULL'))


def downgrade() -> None:
    op.drop_index('ix_threads_waiting_since', table_name='threads')
    op.drop_column('threads', 'waiting_since')
