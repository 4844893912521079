"""What the assistant says in its own words, in the languages that it speaks. Knows no article."""

from __future__ import annotations

LANGUAGE_NAMES = {
    "en": {"en": "English", "de": "German", "es": "Spanish", "fr": "French", "ru": "Russian"},
    "de": {"en": "Englisch", "de": "Deutsch", "es": "Spanisch", "fr": "Französisch", "ru": "Russisch"},
    "es": {"en": "inglés", "de": "alemán", "es": "español", "fr": "francés", "ru": "ruso"},
    "fr": {"en": "anglais", "de": "allemand", "es": "espagnol", "fr": "français", "ru": "russe"},
    "ru": {"en": "английский", "de": "немецкий", "es": "испанский", "fr": "французский", "ru": "русский"},
}

PHRASES = {
    "en": {
        "called": "I am passing this on to a person. Somebody from our team will answer you here.",
        "offer": "I am not sure that I understand. Is it about one of these?",
        "person": "Talk to a person",
        "source": "From our article “{title}”.",
        "only_in": "We have this only in this language so far: {name}.",
        "hello": "Hello! What can I do for you?",
        "thanks": "You are welcome.",
    },
    "de": {
        "called": "Ich gebe das an einen Menschen weiter. Jemand aus unserem Team antwortet Ihnen hier.",
        "offer": "Ich bin nicht sicher, ob ich Sie verstehe. Geht es um eines davon?",
        "person": "Mit einem Menschen sprechen",
        "source": "Aus unserem Artikel „{title}“.",
        "only_in": "Das haben wir bisher nur in dieser Sprache: {name}.",
        "hello": "Guten Tag! Was kann ich für Sie tun?",
        "thanks": "Gern geschehen.",
    },
    "es": {
        "called": "Se lo paso a una persona. Alguien de nuestro equipo le responderá aquí.",
        "offer": "No estoy seguro de haber entendido. ¿Se trata de alguno de estos temas?",
        "person": "Hablar con una persona",
        "source": "De nuestro artículo «{title}».",
        "only_in": "Por ahora solo lo tenemos en este idioma: {name}.",
        "hello": "¡Hola! ¿En qué puedo ayudarle?",
        "thanks": "De nada.",
    },
    "fr": {
        "called": "Je transmets à une personne. Quelqu'un de notre équipe vous répondra ici.",
        "offer": "Je ne suis pas sûr de comprendre. S'agit-il de l'un de ces sujets ?",
        "person": "Parler à une personne",
        "source": "Extrait de notre article « {title} ».",
        "only_in": "Nous ne l'avons pour l'instant que dans cette langue : {name}.",
        "hello": "Bonjour ! Que puis-je faire pour vous ?",
        "thanks": "Je vous en prie.",
    },
    "ru": {
        "called": "Передаю ваш вопрос человеку. Вам ответит здесь кто-нибудь из нашей команды.",
        "offer": "Не уверен, что понял вас. Это об одном из этих вопросов?",
        "person": "Поговорить с человеком",
        "source": "Из нашей статьи «{title}».",
        "only_in": "Пока это есть только на этом языке: {name}.",
        "hello": "Здравствуйте! Чем могу помочь?",
        "thanks": "Пожалуйста.",
    },
}


def phrase(key: str, language: str, **words: str) -> str:
    """The phrase in this language; in English where we do not speak it."""
    return PHRASES.get(language, PHRASES["en"])[key].format(**words)


def language_name(language: str, among: str) -> str:
    """What a language is called in another one; its code where we do not know."""
    return LANGUAGE_NAMES.get(among, LANGUAGE_NAMES["en"]).get(language, language)
