"""languages of contacts that were heard or chosen, and what a bot is called"""

from __future__ import annotations

from alembic import op
import sqlalchemy as sa

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('bots',
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('username', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bots'))
    )
    op.add_column('contacts', sa.Column('language_heard', sa.Text(), nullable=True))
    op.add_column('contacts', sa.Column('language_chosen', sa.Boolean(), server_default=sa.text('false'), nullable=False))


def downgrade() -> None:
    op.drop_column('contacts', 'language_chosen')
    op.drop_column('contacts', 'language_heard')
    op.drop_table('bots')
