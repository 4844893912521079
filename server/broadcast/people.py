"""Whom a run reaches: the rule of its campaign, and never those who opted out or blocked the bot.

Whoever has linked their account to Telegram is told there, and not on the web as well.
"""

from __future__ import annotations

from pydantic import TypeAdapter

from server.broadcast.audience import Rule, condition

rules: TypeAdapter[Rule] = TypeAdapter(Rule)


def people(rule: Rule, bot_id: int, first: int) -> tuple[str, list[object]]:
    """A condition over `contacts c`, and the values of its parameters, which are numbered from `first`."""
    wanted, values = condition(rule, first + 1)
    linked = "SELECT FROM contacts o WHERE o.user_id = c.user_id AND o.channel = 'telegram'"
    by_bot = f"c.channel = 'telegram' AND c.bot_id = ${first}::bigint AND c.kind <> 'group'"
    reachable = f"({by_bot} OR c.channel <> 'telegram' AND NOT EXISTS ({linked}))"
    return f"NOT c.opted_out AND NOT c.blocked AND {reachable} AND ({wanted})", [bot_id, *values]
