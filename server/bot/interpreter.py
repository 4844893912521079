"""Updates through python-telegram-bot's own handlers: what each of them means, without telling anybody yet."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from telegram import Chat, Update, User
from telegram.ext import (
    Application,
    CallbackQueryHandler,
    ChatMemberHandler,
    CommandHandler,
    ContextTypes,
    ExtBot,
    MessageHandler,
    filters,
)
from typing_extensions import override

from server.bot.updates import (
    Answered,
    Called,
    Chosen,
    Ear,
    Heard,
    Linked,
    OptedOut,
    Reworded,
    membership,
    migration,
    pressed_in,
    said_in,
)

HELP = {
    "start": "Hello! Write here, and you are answered here.",
    "help": "Write what you want to know: a person or the assistant answers. /human calls a person, /stop ends "
    "announcements, /start lets them come again, /lang chooses the language of the answers.",
    "lang": "Choose the language of the answers: /lang de, or /lang auto for the one in which you write.",
    "human": "Somebody is told that you want to talk with a person. Write on here: you are answered here.",
    "stop": "You get no announcements any more. What you write here is still answered; /start lets them come again.",
}


class SilentBot(ExtBot[None]):
    """A bot that asks nobody who it is, so that updates are understood while Telegram is away."""

    def called(self, username: str) -> User:
        """This is its name; without one, nobody can name it."""
        own = int(self.token.partition(":")[0])
        self._bot_user = User(own, "bot", is_bot=True, username=username)
        return self._bot_user

    @override
    async def get_me(self, *_: Any, **__: Any) -> User:
        return self.called("")


class Interpreter:
    """One a process; one update at a time."""

    def __init__(self, token: str) -> None:
        self._ear = Ear()
        self._bot = SilentBot(token)
        application = Application.builder().bot(self._bot).updater(None).build()
        for command in HELP:
            application.add_handler(CommandHandler(command, self._on_command, filters.UpdateType.MESSAGE))
        application.add_handler(MessageHandler(filters.StatusUpdate.MIGRATE, self._on_migration))
        # Who joined, was pinned or renamed the group is said by Telegram, not by anybody.
        said = filters.UpdateType.MESSAGE & ~filters.StatusUpdate.ALL
        application.add_handler(MessageHandler(said, self._on_message))
        application.add_handler(MessageHandler(filters.UpdateType.EDITED_MESSAGE, self._on_edit))
        application.add_handler(CallbackQueryHandler(self._on_press))
        application.add_handler(ChatMemberHandler(self._on_membership, ChatMemberHandler.MY_CHAT_MEMBER))
        # PTB hands a handler's exception to this one and goes on as if nothing were.
        application.add_error_handler(self._on_error)
        self._application = application
        self._is_open = False

    async def be_called(self, username: str) -> None:
        """In groups it is meant where this name is."""
        await self._open()
        self._bot.called(username)

    async def heard(self, body: str) -> list[Heard]:
        """What the update means, in order; raises whatever a handler raised."""
        await self._open()
        ear = self._ear = Ear()
        await self._application.process_update(Update.de_json(json.loads(body), self._application.bot))
        if ear.error is not None:
            raise ear.error
        return ear.heard

    async def _open(self) -> None:
        if not self._is_open:
            await self._application.initialize()
            self._is_open = True

    async def _on_command(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        message = update.message
        if message is None or not message.text:
            return
        said = said_in(message, self._bot.bot, is_command=True)
        written, *words = message.text[1:].split()
        command = written.partition("@")[0].lower()
        is_link = command == "start" and len(words) == 1 and message.chat.type == Chat.PRIVATE
        if is_link:
            said = replace(said, text="/start")  # whoever reads the thread must not use the word
        self._ear.heard.append(said)
        if command in ("start", "stop"):
            self._ear.heard.append(OptedOut(said.outside, command == "stop"))
        if command == "human":
            self._ear.heard.append(Called(said.outside))
        if is_link:
            self._ear.heard.append(Linked(said.outside, words[0], int(message.date.timestamp())))
        elif command == "lang":
            self._ear.heard.append(Chosen(said.outside, " ".join(words)))
        else:
            self._ear.heard.append(Answered(said.outside, HELP[command]))

    async def _on_message(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        if update.message is not None:
            self._ear.heard.append(said_in(update.message, self._bot.bot))

    async def _on_migration(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        if update.message is not None and (moved := migration(update.message)) is not None:
            self._ear.heard.append(moved)

    async def _on_edit(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        if update.edited_message is not None:
            said = said_in(update.edited_message, self._bot.bot)
            self._ear.heard.append(Reworded(said.outside, said.key, said.text))

    async def _on_press(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        said = None if update.callback_query is None else pressed_in(update.callback_query)
        if said is not None:
            self._ear.heard.append(said)

    async def _on_membership(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        if update.my_chat_member is not None:
            self._ear.heard.append(membership(update.my_chat_member))

    async def _on_error(self, _: object, context: ContextTypes.DEFAULT_TYPE) -> None:
        self._ear.error = context.error
