"""What is decided about a text by rule: who asks for a person, who only greets, what is masked. Pure."""

from __future__ import annotations

import re

_I = re.IGNORECASE
SHORT_WORDS = 5  # a word like "operator" alone asks for one; in a long question it may be about one

_PERSON = re.compile(
    r"^/human\b|\b(human|operator|(real|live|actual) (person|human|agent)|representative"
    r"|mensch(en)?|mitarbeiter(in)?|berater(in)?|kundenberater(in)?"
    r"|humano|operador(a)?|asesor(a)?|persona real|agente"
    r"|humain|op[ée]rateur|conseiller|conseill[èe]re|vraie personne"
    r"|оператор\w*|человек\w*|живо[гй]\w*|менеджер\w*|сотрудник\w*)\b",
    _I,
)
_ASKING = [
    re.compile(pattern, _I)
    for pattern in (
        r"\b(talk|speak|chat|connect|transfer|put|get|give)\b.{0,25}\b(human|person|someone|somebody|agent|operator|"
        r"representative|staff|employee|manager)\b",
        r"\bverbinde(n)? sie mich\b",
        r"\b(mensch\w*|mitarbeiter\w*|berater\w*|jemand\w*|person)\b.{0,25}\b(sprechen|reden|verbinden|chatten)\b",
        r"\b(hablar|comunicar\w*|p[áa]s\w+|conect\w+)\b.{0,25}\b(humano|persona|alguien|agente|operador\w*|asesor\w*)\b",
        r"\b(parler|passer|joindre|discuter)\b.{0,30}\b(humain|personne|quelqu.un|agent|op[ée]rateur|conseill\w+)\b",
        r"\b(позов\w+|соедин\w+|поговорить|переключ\w+|свяж\w+)\b.{0,25}\b(оператор\w*|человек\w*|менеджер\w*|"
        r"сотрудник\w*|кем-нибудь)\b",
    )
]
_COMMAND = re.compile(r"/(start|stop|help|lang)\b", _I)
_WORDS = re.compile(r"[^\W\d_]+")
_GREETINGS = """hi hello hey good morning evening afternoon there hallo moin guten tag morgen abend hola buenos buenas
  días dias tardes noches bonjour salut bonsoir привет здравствуйте добрый день вечер утро"""
_THANKS = """thanks thank you very much great ok okay perfect danke schön vielen dank super gracias muchas vale perfecto
  merci beaucoup parfait bien спасибо большое отлично хорошо ок"""
_COURTESIES = {"hello": frozenset(_WORDS.findall(_GREETINGS)), "thanks": frozenset(_WORDS.findall(_THANKS))}
_CARD = re.compile(r"\b\d(?:[ -]?\d){12,18}\b")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
MASK = "•••"


def is_command(text: str) -> bool:
    """Whether it is said to the bot on Telegram, which answers it itself."""
    return _COMMAND.match(text) is not None


def wants_person(text: str) -> bool:
    """Whether somebody asks for a person to answer."""
    if len(_WORDS.findall(text)) <= SHORT_WORDS and _PERSON.search(text):
        return True
    return any(pattern.search(text) for pattern in _ASKING)


def has_words(text: str) -> bool:
    """Whether there is anything to understand."""
    return _WORDS.search(text) is not None


def courtesy(text: str) -> str | None:
    """`hello` or `thanks` for a line that is nothing else."""
    words = {word.lower() for word in _WORDS.findall(text)}
    return next((name for name, known in _COURTESIES.items() if words and words <= known), None)


def masked(text: str) -> str:
    """The same without numbers of payment cards and bank accounts."""
    return _IBAN.sub(MASK, _CARD.sub(lambda found: MASK if _is_card(found[0]) else found[0], text))


def _is_card(digits: str) -> bool:
    """Luhn's check: an order number of the same length seldom passes."""
    total = 0
    for place, digit in enumerate(int(each) for each in reversed(digits) if each.isdigit()):
        total += digit if place % 2 == 0 else (digit * 2 - 9 if digit > 4 else digit * 2)
    return total % 10 == 0


def settled_language(prior: str | None, latest: str | None, before: str | None) -> str:
    """The language of a conversation: it changes when two messages in a row agree; one alone may begin it."""
    if prior is None:
        return latest or before or "en"
    return latest if latest is not None and latest == before else prior
