"""Whom a campaign is for: rules as people write them, and the same as SQL."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from server.inputs import Input, Text


class Rule(Input):
    """Contacts with this tag; without one, everybody."""

    tag: Text | None = Field(None, max_length=50)


def condition(rule: Rule, first: int) -> tuple[str, list[Any]]:
    """A condition over `contacts c`, and the values of its parameters, which are numbered from `first`."""
    return ("true", []) if rule.tag is None else (f"${first}::text = ANY (c.tags)", [rule.tag])
