"""campaigns: what is told to many, its runs, and a row for everybody in them"""

from __future__ import annotations

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('campaigns',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), server_default='draft', nullable=False),
    sa.Column('why', sa.Text(), nullable=True),
    sa.Column('content', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('audience', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('schedule', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('on_unknown', sa.Text(), server_default='keep', nullable=False),
    sa.Column('per_second', sa.Double(), nullable=True),
    sa.Column('paid_messages', sa.Integer(), server_default='0', nullable=False),
    sa.Column('next_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('create_key', sa.Text(), nullable=True),
    sa.Column('start_key', sa.Text(), nullable=True),
    sa.Column('created_by', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("on_unknown IN ('keep', 'resend')", name=op.f('ck_campaigns_on_unknown')),
    sa.CheckConstraint("state IN ('draft', 'scheduled', 'running', 'paused', 'completed', 'cancelled', 'failed')", name=op.f('ck_campaigns_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_campaigns')),
    sa.UniqueConstraint('created_by', 'create_key', name=op.f('uq_campaigns_created_by_create_key'))
    )
    op.create_index('ix_campaigns_next_at', 'campaigns', ['next_at'], postgresql_where=sa.text("state = 'scheduled'"))
    op.create_table('runs',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('campaign_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('state', sa.Text(), server_default='running', nullable=False),
    sa.Column('content', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('audience', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('schedule', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('on_unknown', sa.Text(), nullable=False),
    sa.Column('per_second', sa.Double(), nullable=True),
    sa.Column('paid_messages', sa.Integer(), nullable=False),
    sa.Column('is_open', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('queued', sa.Integer(), server_default='0', nullable=False),
    sa.Column('sending', sa.Integer(), server_default='0', nullable=False),
    sa.Column('sent', sa.Integer(), server_default='0', nullable=False),
    sa.Column('failed', sa.Integer(), server_default='0', nullable=False),
    sa.Column('blocked', sa.Integer(), server_default='0', nullable=False),
    sa.Column('skipped', sa.Integer(), server_default='0', nullable=False),
    sa.Column('unknown', sa.Integer(), server_default='0', nullable=False),
    sa.Column('cancelled', sa.Integer(), server_default='0', nullable=False),
    sa.Column('in_a_row', sa.Integer(), server_default='0', nullable=False),
    sa.Column('planned_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('frozen_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state IN ('draft', 'scheduled', 'running', 'paused', 'completed', 'cancelled', 'failed')", name=op.f('ck_runs_state')),
    sa.ForeignKeyConstraint(['campaign_id'], ['campaigns.id'], name=op.f('fk_runs_campaign_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_runs')),
    sa.UniqueConstraint('campaign_id', 'number', name=op.f('uq_runs_campaign_id_number')),
    postgresql_with={'fillfactor': '50'}
    )
    op.create_index('ix_runs_open', 'runs', ['id'], postgresql_where=sa.text('is_open'))
    op.create_table('run_tellings',
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('settled', sa.Integer(), server_default='0', nullable=False),
    sa.Column('summary', sa.Text(), server_default='', nullable=False),
    sa.Column('pace', sa.Double(), server_default='0', nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['run_id'], ['runs.id'], name=op.f('fk_run_tellings_run_id')),
    sa.PrimaryKeyConstraint('run_id', name=op.f('pk_run_tellings'))
    )
    op.create_table('deliveries',
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('contact_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.Text(), server_default='queued', nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('language', sa.Text(), nullable=True),
    sa.Column('variables', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('message_id', sa.BigInteger(), nullable=True),
    sa.Column('claim', sa.Integer(), server_default='0', nullable=False),
    sa.Column('tries', sa.Integer(), server_default='0', nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('claimed_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state IN ('queued', 'sending', 'sent', 'failed', 'blocked', 'skipped', 'unknown', 'cancelled')", name=op.f('ck_deliveries_state')),
    sa.PrimaryKeyConstraint('run_id', 'contact_id', name=op.f('pk_deliveries')),
    postgresql_with={'fillfactor': '85'}
    )
    op.create_index('ix_deliveries_queued', 'deliveries', ['run_id', 'due_at'], postgresql_where=sa.text("state = 'queued'"))
    op.create_index('ix_deliveries_begun', 'deliveries', ['run_id', 'state', 'contact_id'], postgresql_where=sa.text("state <> 'queued'"))
    op.create_table('campaign_events',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('campaign_id', sa.Uuid(), nullable=False),
    sa.Column('act', sa.Text(), nullable=False),
    sa.Column('by', sa.Uuid(), nullable=True),
    sa.Column('detail', sa.Text(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['campaign_id'], ['campaigns.id'], name=op.f('fk_campaign_events_campaign_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_campaign_events'))
    )
    op.create_index('ix_campaign_events_campaign_id_id', 'campaign_events', ['campaign_id', 'id'])


def downgrade() -> None:
    op.drop_table('campaign_events')
    op.drop_table('deliveries')
    op.drop_table('run_tellings')
    op.drop_table('runs')
    op.drop_table('campaigns')
