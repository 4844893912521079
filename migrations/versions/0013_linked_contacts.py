"""linked contacts: the account that a person outside says is theirs"""

from __future__ import annotations

from alembic import op
import sqlalchemy as sa

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('contacts', sa.Column('user_id', sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f('fk_contacts_user_id'), 'contacts', 'users', ['user_id'], ['id'], ondelete='SET NULL')
    op.create_index('ix_contacts_user_id', 'contacts', ['user_id'], unique=False, postgresql_where=sa.text('user_id IS NOT NULL'))


def downgrade() -> None:
    op.drop_index('ix_contacts_user_id', table_name='contacts', postgresql_where=sa.text('user_id IS NOT NULL'))
    op.drop_constraint(op.f('fk_contacts_user_id'), 'contacts', type_='foreignkey')
    op.drop_column('contacts', 'user_id')
