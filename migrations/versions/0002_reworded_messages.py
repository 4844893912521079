"""messages whose words an edit has changed"""

from __future__ import annotations

from alembic import op
import sqlalchemy as sa

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('search_texts', sa.Column('is_reworded', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.create_index('ix_search_texts_reworded', 'search_texts', ['message_id'], postgresql_where=sa.text('is_reworded'))


def downgrade() -> None:
    op.drop_index('ix_search_texts_reworded', table_name='search_texts')
    op.drop_column('search_texts', 'is_reworded')
