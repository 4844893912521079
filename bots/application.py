"""The Telegram process: registers how updates come in, and, where no public address exists, fetches them itself."""

from __future__ import annotations

import asyncio
import json
import signal

import uvloop
from telegram.error import TelegramError

from bots.registration import register
from server.bot.client import Telegram
from server.bot.policy import webhook_secrets
from server.bot.service import Bot, accept, name
from server.config import Settings
from server.database import Database
from server.errors import Problem
from server.logging import configure, named
from server.queue import Queue

CONNECTIONS = 2
POLL_SECONDS = 25
UPDATES = 100  # of one answer
AWAY_SECONDS = 2.0  # between tries while Telegram or PostgreSQL does not answer

log = named("bot")


async def run(settings: Settings) -> None:
    """Until SIGTERM or SIGINT. What was fetched and not kept is sent again by Telegram: nothing is lost."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    telegram = Telegram(settings.bot_token, settings.telegram_api)
    working = asyncio.create_task(_work(settings, telegram), name="telegram")
    waiting = asyncio.create_task(stopped.wait(), name="signals")
    await asyncio.wait([working, waiting], return_when=asyncio.FIRST_COMPLETED)
    for task in (working, waiting):
        task.cancel()
    await asyncio.wait([working, waiting])
    await telegram.close()
    if not working.cancelled():
        working.result()  # whatever ended it is the operator's business


async def _work(settings: Settings, telegram: Telegram) -> None:
    secrets = webhook_secrets(settings.secrets, settings.bot_token)
    database, queue = Database(settings.database, CONNECTIONS), Queue(settings.redis)
    await database.open()
    await queue.open()
    bot = Bot(database, queue.say, settings.bot_token, secrets)
    try:
        await _register(settings, bot, telegram)
        if settings.telegram == "webhook":
            await asyncio.Event().wait()  # the servers take what comes; here nothing is left but to be told to stop
        await poll(bot, telegram)
    finally:
        await queue.close()
        await database.close()


async def _register(settings: Settings, bot: Bot, telegram: Telegram) -> None:
    """Try until it is known what the bot is called, and Telegram knows where updates go."""
    while True:
        try:
            await name(bot, (await telegram.bot.get_me()).username or "")
            await register(telegram.bot, settings, bot.secrets[0])
        except TelegramError as error:
            log.warning("bot_not_registered", why=error.message)
        except Problem as error:
            log.warning("bot_not_registered", why=error.detail)
        else:
            return
        await asyncio.sleep(AWAY_SECONDS)


async def poll(bot: Bot, telegram: Telegram) -> None:
    """Fetch and keep, for ever. The next question confirms only what is kept."""
    offset: int | None = None
    while True:
        try:
            updates = await telegram.fetch(offset, UPDATES, POLL_SECONDS)
            for update in updates:
                await accept(bot, json.dumps(update).encode())
                offset = int(update["update_id"]) + 1
        except TelegramError as error:
            log.warning("updates_not_fetched", why=error.message)
            await asyncio.sleep(AWAY_SECONDS)
        except Problem as error:
            log.warning("updates_not_kept", why=error.detail)
            await asyncio.sleep(AWAY_SECONDS)


def main() -> None:
    """`parley bot`."""
    settings = Settings()
    configure(settings.log_level, settings.log_format)
    uvloop.run(run(settings))
