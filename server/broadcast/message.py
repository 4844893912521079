"""One variant for one person: as a call of the Bot API, or as words in their thread. Pure."""

from __future__ import annotations

from typing import Any

from server.broadcast.markup import shown
from server.broadcast.placeholders import Variables
from server.broadcast.template import Content, Rendered, RenderedButton, render


def rendered(content: Content, language: str | None, variables: Variables) -> Rendered:
    """What the person gets; raises Invalid `unfit_content`."""
    return render(content.variant(language), content.with_defaults(variables))


def call_of(chat_id: int, message: Rendered, *, is_paid: bool) -> tuple[str, dict[str, Any]]:
    """The method, and its fields."""
    fields: dict[str, Any] = {"chat_id": chat_id}
    if message.parse_mode is not None:
        fields["parse_mode"] = message.parse_mode
    if is_paid:
        fields["allow_paid_broadcast"] = True
    if message.buttons:
        fields["reply_markup"] = {"inline_keyboard": [[_button(one) for one in row] for row in message.buttons]}
    if message.photo is not None:
        return "sendPhoto", {**fields, "photo": message.photo, "caption": message.text}
    if message.document is not None:
        return "sendDocument", {**fields, "document": message.document, "caption": message.text}
    return "sendMessage", {**fields, "text": message.text}


def words_of(message: Rendered) -> str:
    """What somebody on the web reads: without tags, and with the addresses of what Telegram would show beside it."""
    words = message.text if message.parse_mode is None else shown(message.text)
    files = [file for file in (message.photo, message.document) if file and file.startswith(("http:", "https:"))]
    links = [f"{button.text}: {button.url}" for row in message.buttons for button in row if button.url is not None]
    return "\n\n".join(part for part in (words, *files, "\n".join(links)) if part)


def _button(button: RenderedButton) -> dict[str, Any]:
    return {"text": button.text, **({"url": button.url} if button.data is None else {"callback_data": button.data})}
