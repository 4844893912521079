"""One variant for one person, as a call of the Bot API. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.broadcast.template import Button, Content, Variant, render


def variant_of(content: Content, language: str | None) -> Variant:
    """The variant in this language, else the fallback, else the first there is."""
    variants = content.variants
    found = variants.get(language or "") or variants.get(content.fallback_language)
    return found if found is not None else next(iter(variants.values()))


def text_of(content: Content, language: str | None, variables: Mapping[str, Any]) -> str:
    """What the person reads."""
    return render(variant_of(content, language), {**content.defaults, **variables})


def call_of(
    chat_id: int,
    content: Content,
    language: str | None,
    text: str,
    *,
    is_paid: bool,
) -> tuple[str, dict[str, Any]]:
    """The method, and its fields."""
    variant = variant_of(content, language)
    fields: dict[str, Any] = {"chat_id": chat_id, "parse_mode": "HTML"}
    if is_paid:
        fields["allow_paid_broadcast"] = True
    if variant.buttons:
        fields["reply_markup"] = {"inline_keyboard": [[_button(one) for one in row] for row in variant.buttons]}
    if variant.photo is not None:
        return "sendPhoto", {**fields, "photo": variant.photo, "caption": text}
    if variant.document is not None:
        return "sendDocument", {**fields, "document": variant.document, "caption": text}
    return "sendMessage", {**fields, "text": text}


def _button(button: Button) -> dict[str, str]:
    return {"text": button.text, "url": button.url}
