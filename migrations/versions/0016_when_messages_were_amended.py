"""an index of when messages were edited or deleted, so that what became of them is found without looking at all"""

from __future__ import annotations

from alembic import op
import sqlalchemy as sa

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        'ix_messages_amended_at',
        'messages',
        [sa.text('GREATEST(edited_at, deleted_at)')],
        postgresql_where=sa.text('edited_at IS NOT NULL OR deleted_at IS NOT NULL'),
    )


def downgrade() -> None:
    op.drop_index('ix_messages_amended_at', table_name='messages')
