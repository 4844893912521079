"""What Telegram is told about the bot: where updates go, which of them, and the commands. Drops nothing that waits."""

from __future__ import annotations

from telegram import BotCommand
from telegram.ext import ExtBot

from server.bot.client import WANTED
from server.bot.interpreter import HELP
from server.config import Misconfigured, Settings

CONNECTIONS = 40  # updates of different chats come side by side


async def register(bot: ExtBot[None], settings: Settings, secret: str) -> None:
    """Safe to repeat, as every start of the process does. Raises TelegramError, or Misconfigured."""
    if settings.telegram == "webhook":
        if not settings.public_url:
            raise Misconfigured("TELEGRAM=webhook needs PUBLIC_URL: the https:// address at which Telegram finds you")
        await bot.set_webhook(
            f"{settings.public_url.rstrip('/')}/bot/webhook",
            allowed_updates=WANTED,
            secret_token=secret,
            max_connections=CONNECTIONS,
            drop_pending_updates=False,
        )
    else:
        await bot.delete_webhook(drop_pending_updates=False)
    await bot.set_my_commands([BotCommand(command, words.partition(".")[0][:100]) for command, words in HELP.items()])
