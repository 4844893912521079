"""contacts that were imported never wrote"""

from __future__ import annotations

from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column('contacts', 'seen_at', nullable=True, server_default=None)


def downgrade() -> None:
    op.execute('UPDATE contacts SET seen_at = created_at WHERE seen_at IS NULL')
    op.execute('ALTER TABLE contacts ALTER seen_at SET DEFAULT now()')
    op.alter_column('contacts', 'seen_at', nullable=False)
