"""hooks: requests under way, and answers of endpoints"""

from __future__ import annotations

from alembic import op
import sqlalchemy as sa

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('hook_lanes', sa.Column('is_under_way', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('hook_endpoints', sa.Column('may_answer', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('hook_attempts', sa.Column('note', sa.Text(), server_default='', nullable=False))
    op.create_table('hook_answers',
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('endpoint_id', sa.Uuid(), nullable=False),
    sa.Column('reply', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['endpoint_id'], ['hook_endpoints.id'], name=op.f('fk_hook_answers_endpoint_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['event_id'], ['hook_events.id'], name=op.f('fk_hook_answers_event_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('event_id', 'endpoint_id', name=op.f('pk_hook_answers'))
    )
    op.create_index('ix_hook_answers_endpoint_id', 'hook_answers', ['endpoint_id'])


def downgrade() -> None:
    op.drop_table('hook_answers')
    op.drop_column('hook_attempts', 'note')
    op.drop_column('hook_endpoints', 'may_answer')
    op.drop_column('hook_lanes', 'is_under_way')
