"""what is kept, and what is erased"""

from __future__ import annotations

from alembic import op
import sqlalchemy as sa

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_access_tokens_revoked_at', 'access_tokens', ['revoked_at'], postgresql_where=sa.text('revoked_at IS NOT NULL'))
    op.create_index('ix_sessions_expires_at', 'sessions', ['expires_at'])
    op.add_column('users', sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('threads', sa.Column('cleared', sa.BigInteger(), server_default='0', nullable=False))
    op.create_index('ix_threads_attached_to', 'threads', ['attached_to'], postgresql_where=sa.text('attached_to IS NOT NULL'))
    op.create_index('ix_threads_handled_by', 'threads', ['handled_by'], postgresql_where=sa.text('handled_by IS NOT NULL'))
    op.create_index('ix_read_markers_user_id', 'read_markers', ['user_id'])
    op.create_index('ix_messages_reacted', 'messages', ['id'], postgresql_where=sa.text("reactions <> '{}'"))
    op.create_table('erasures',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('requested_by', sa.Uuid(), nullable=False),
    sa.Column('requested_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('messages', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('reactions', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('threads', sa.BigInteger(), server_default='0', nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_erasures')),
    sa.UniqueConstraint('user_id', name=op.f('uq_erasures_user_id'))
    )
    op.create_index('ix_erasures_due_at', 'erasures', ['due_at'], postgresql_where=sa.text('finished_at IS NULL'))
    op.create_index('ix_erasures_requested_at', 'erasures', ['requested_at'])


def downgrade() -> None:
    op.drop_table('erasures')
    op.drop_index('ix_messages_reacted', table_name='messages', postgresql_where=sa.text("reactions <> '{}'"))
    op.drop_index('ix_read_markers_user_id', table_name='read_markers')
    op.drop_index('ix_threads_attached_to', table_name='threads', postgresql_where=sa.text('attached_to IS NOT NULL'))
    op.drop_index('ix_threads_handled_by', table_name='threads', postgresql_where=sa.text('handled_by IS NOT NULL'))
    op.drop_column('threads', 'cleared')
    op.drop_column('users', 'erased_at')
    op.drop_index('ix_sessions_expires_at', table_name='sessions')
    op.drop_index('ix_access_tokens_revoked_at', table_name='access_tokens', postgresql_where=sa.text('revoked_at IS NOT NULL'))
