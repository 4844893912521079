"""What every table has in common: one metadata, named constraints, UUIDv7 keys, times with a zone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from sqlalchemy import DateTime, MetaData, Uuid, func
from sqlalchemy.orm import DeclarativeBase, mapped_column

from server import ids


class Base(DeclarativeBase):
    """The parent of every row. Constraints are named by rule, so that a migration can name them too."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: DateTime(timezone=True)}


Key = Annotated[UUID, mapped_column(Uuid(), primary_key=True, default=ids.new)]
Created = Annotated[datetime, mapped_column(server_default=func.now())]
