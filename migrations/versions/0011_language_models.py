"""language models: what a decision took, and why models were passed over"""

from __future__ import annotations

from alembic import op
import sqlalchemy as sa

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('decisions', sa.Column('prompt_tokens', sa.Integer(), nullable=True))
    op.add_column('decisions', sa.Column('answer_tokens', sa.Integer(), nullable=True))
    op.add_column('decisions', sa.Column('reason', sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column('decisions', 'reason')
    op.drop_column('decisions', 'answer_tokens')
    op.drop_column('decisions', 'prompt_tokens')
