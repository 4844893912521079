"""one message a client_id, whether it has an author or not"""

from __future__ import annotations

from alembic import op
import sqlalchemy as sa

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

# Without an author nothing kept them apart: the first keeps its client_id, the others stay as messages.
APART = """
UPDATE messages m SET client_id = NULL
WHERE m.author_id IS NULL AND m.client_id IS NOT NULL AND EXISTS (
  SELECT FROM messages f
  WHERE f.thread_id = m.thread_id AND f.author_id IS NULL AND f.client_id = m.client_id AND f.number < m.number
)
"""


def upgrade() -> None:
    op.execute(APART)
    op.drop_constraint('uq_messages_thread_id_author_id_client_id', 'messages', type_='unique')
    op.create_index(
        'ix_messages_thread_id_author_id_client_id',
        'messages',
        ['thread_id', 'author_id', 'client_id'],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text('client_id IS NOT NULL'),
    )


def downgrade() -> None:
    op.drop_index('ix_messages_thread_id_author_id_client_id', table_name='messages')
    op.create_unique_constraint(
        'uq_messages_thread_id_author_id_client_id', 'messages', ['thread_id', 'author_id', 'client_id']
    )
