"""In which language somebody outside is answered: what they chose, or what they write. Pure but for the model."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from server.chat.language import language_of

AUTO = "auto"
CODE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8})*")
ASKED = "You are answered in: {}. Say /lang de for German, or /lang auto for the language in which you write."
CHOSEN = "You are answered in this language from now on, where it is known: {}."
FOLLOWED = "You are answered in the language in which you write."
NO_CODE = "This is no language: give its code, /lang de for German."


@dataclass(frozen=True, slots=True)
class Speech:
    """`language` holds; `heard` is another that was heard once and not confirmed. What was chosen stays."""

    language: str | None
    heard: str | None = None
    is_chosen: bool = False

    def after(self, text: str) -> Speech:
        """With one message more: two in a row that agree change it, one alone may begin it; short lines say nothing."""
        now = None if self.is_chosen else language_of(text, None)
        if now is None:
            return self
        if self.language is None:
            return replace(self, language=now)
        if now == self.language.partition("-")[0].lower():
            return replace(self, heard=None)
        return Speech(now) if now == self.heard else replace(self, heard=now)

    def chosen(self, word: str) -> tuple[Speech, str]:
        """With what somebody says after `/lang`, and what to say to it."""
        code = word.strip().lower().replace("_", "-")
        if not code:
            return self, ASKED.format(self.language or AUTO)
        if code == AUTO:
            return Speech(self.language), FOLLOWED
        if not CODE.fullmatch(code) or len(code) > 35:
            return self, NO_CODE
        return Speech(code, is_chosen=True), CHOSEN.format(code)
