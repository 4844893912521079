"""the assistant: who waits for a person, articles, decisions"""

from __future__ import annotations

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute('CREATE EXTENSION IF NOT EXISTS pg_trgm')
    op.add_column('threads', sa.Column('waiting_since', sa.DateTime(timezone=True), nullable=True))
    op.create_index('ix_threads_waiting_since', 'threads', ['waiting_since'], postgresql_where=sa.text('waiting_since IS NOT NULL'))
    op.create_table('articles',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('language', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('enabled', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('words', postgresql.TSVECTOR(), nullable=False),
    sa.Column('vector', sa.LargeBinary(), nullable=True),
    sa.Column('vector_model', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('updated_by', sa.Uuid(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_articles')),
    sa.UniqueConstraint('key', 'language', name=op.f('uq_articles_key_language'))
    )
    op.create_index('ix_articles_words', 'articles', ['words'], unique=False, postgresql_using='gin')
    op.create_table('article_versions',
    sa.Column('article_id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('replaced_by', sa.Uuid(), nullable=True),
    sa.Column('replaced_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['article_id'], ['articles.id'], name=op.f('fk_article_versions_article_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('article_id', 'version', name=op.f('pk_article_versions'))
    )
    op.create_table('attendances',
    sa.Column('thread_id', sa.Uuid(), nullable=False),
    sa.Column('seen', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('carrier', sa.Text(), nullable=True),
    sa.Column('lease', sa.Uuid(), nullable=True),
    sa.Column('leased_until', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['thread_id'], ['threads.id'], name=op.f('fk_attendances_thread_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('thread_id', name=op.f('pk_attendances'))
    )
    op.create_index('ix_attendances_leased_until', 'attendances', ['leased_until'], postgresql_where=sa.text('leased_until IS NOT NULL'))
    op.create_table('decisions',
    sa.Column('question_id', sa.Uuid(), nullable=False),
    sa.Column('thread_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.Column('path', sa.Text(), nullable=False),
    sa.Column('carrier', sa.Text(), nullable=False),
    sa.Column('language', sa.Text(), nullable=False),
    sa.Column('articles', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
    sa.Column('model', sa.Text(), nullable=True),
    sa.Column('latency_ms', sa.Integer(), nullable=False),
    sa.Column('reply_text', sa.Text(), nullable=False),
    sa.Column('reply_payload', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('reply_id', sa.Uuid(), nullable=True),
    sa.Column('is_helpful', sa.Boolean(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['thread_id'], ['threads.id'], name=op.f('fk_decisions_thread_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('question_id', name=op.f('pk_decisions'))
    )
    # What was said before there was an assistant is not its to answer.
    op.execute("INSERT INTO attendances (thread_id, seen) SELECT id, posted FROM threads WHERE kind = 'support'")
    op.create_index('ix_decisions_reply_id', 'decisions', ['reply_id'], postgresql_where=sa.text('reply_id IS NOT NULL'))
    op.create_index('ix_decisions_thread_id_number', 'decisions', ['thread_id', 'number'])


def downgrade() -> None:
    op.drop_table('decisions')
    op.drop_table('attendances')
    op.drop_table('article_versions')
    op.drop_table('articles')
    op.drop_index('ix_threads_waiting_since', table_name='threads')
    op.drop_column('threads', 'waiting_since')
    op.execute('DROP EXTENSION IF EXISTS pg_trgm')
