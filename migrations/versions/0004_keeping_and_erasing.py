"""what is kept, and what is erased"""

from __future__ import annotations

from alembic import op
import sqlalchemy as sa

revision = '0004'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_access_tokens_revoked_at', 'access_tokens', ['revoked_at'], postgresql_where=sa.text('revoked_at IS NOT NULL'))


def downgrade() -> None:
    op.drop_index('ix_access_tokens_revoked_at', table_name='access_tokens')
