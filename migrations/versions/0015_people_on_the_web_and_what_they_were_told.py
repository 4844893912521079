"""contacts on the web, presses of buttons, and how often a person is told"""

from __future__ import annotations

from alembic import op
import sqlalchemy as sa

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# Whoever has opened a conversation before, with the one that is open, else with the last.
VISITORS = """
INSERT INTO contacts (id, thread_id, user_id, channel, kind, name, language, seen_at)
SELECT DISTINCT ON (u.id) gen_random_uuid(), t.id, u.id, 'web', 'private', u.name, u.language, t.created_at
FROM threads t JOIN users u ON u.id = t.created_by
WHERE t.kind = 'support' AND u.role = 'user' AND u.erased_at IS NULL
ORDER BY u.id, t.slug IS NULL, t.id DESC
"""


def upgrade() -> None:
    op.alter_column('contacts', 'bot_id', existing_type=sa.BigInteger(), nullable=True)
    op.alter_column('contacts', 'chat_id', existing_type=sa.BigInteger(), nullable=True)
    op.create_check_constraint(op.f('ck_contacts_channel'), 'contacts', "channel <> 'telegram' OR bot_id IS NOT NULL AND chat_id IS NOT NULL")
    op.create_index('ix_contacts_on_the_web', 'contacts', ['user_id'], unique=True, postgresql_where=sa.text("channel = 'web'"))
    op.create_index('ix_contacts_unheard', 'contacts', ['seen_at'], unique=False, postgresql_where=sa.text("channel = 'web' AND language IS NULL"))
    op.execute(VISITORS)
    op.create_table('presses',
    sa.Column('contact_id', sa.Uuid(), nullable=False),
    sa.Column('telegram_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('data', sa.Text(), nullable=False),
    sa.Column('count', sa.Integer(), server_default='1', nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['contact_id'], ['contacts.id'], name=op.f('fk_presses_contact_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('contact_id', 'telegram_id', 'data', name=op.f('pk_presses'))
    )
    op.create_index('ix_presses_at', 'presses', ['at'], unique=False)
    op.add_column('campaigns', sa.Column('ignores_cap', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('runs', sa.Column('ignores_cap', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.create_index('ix_deliveries_told', 'deliveries', ['contact_id', 'settled_at'], unique=False, postgresql_where=sa.text("state IN ('sending', 'sent', 'unknown')"))


def downgrade() -> None:
    op.drop_index('ix_deliveries_told', table_name='deliveries')
    op.drop_column('runs', 'ignores_cap')
    op.drop_column('campaigns', 'ignores_cap')
    op.drop_table('presses')
    op.execute("DELETE FROM contacts WHERE channel <> 'telegram'")
    op.drop_index('ix_contacts_unheard', table_name='contacts')
    op.drop_index('ix_contacts_on_the_web', table_name='contacts')
    op.drop_constraint(op.f('ck_contacts_channel'), 'contacts', type_='check')
    op.alter_column('contacts', 'chat_id', existing_type=sa.BigInteger(), nullable=False)
    op.alter_column('contacts', 'bot_id', existing_type=sa.BigInteger(), nullable=False)
