"""What a campaign says: filled with a person's own words, refused where it cannot be, and never out of bounds."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from server.broadcast.placeholders import OUTPUT_CHARACTERS, SOURCE_CHARACTERS, Unfit, filling
from server.broadcast.template import (
    FINDINGS,
    Content,
    Recipient,
    Variant,
    dry_run,
    fits_surely,
    render,
)
from server.errors import Invalid

ADA = {"first_name": "Ada", "city": "Bern", "age": 36, "vip": True}


def written(text: str, variables: Any = ADA, **more: Any) -> str:
    return render(Variant(text=text, **more), variables).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello {{ first_name }}!", "Hello Ada!"),
        ("{{ age }} {{ vip }}", "36 True"),
        ("{% if age >= 18 and not minor %}Wine{% elif minor %}Milk{% else %}Juice{% endif %}", "Wine"),
        ("{% if city %}in {{ city }}{% endif %}{% if street %}, {{ street }}{% endif %}", "in Bern"),
        ("{{ 'Dr. ' if title else '' }}{{ first_name }}", "Ada"),
        ("{{ street|default('nowhere') }}", "nowhere"),
        ("{{ first_name|upper }} {{ city|lower }} {{ city|truncate(3) }}", "ADA bern Be…"),
        ("{% raw %}{{ first_name }}{% endraw %}{# a note #}", "{{ first_name }}"),
        ("a\n{% if vip %}\nb\n{% endif %}\nc\n", "a\nb\nc\n"),
    ],
)
def test_a_text_is_filled(text: str, expected: str) -> None:
    assert written(text) == expected


def test_what_variables_bring_is_escaped_in_html_and_only_there() -> None:
    nasty = {"name": '<b>&"x"</b>', "city": "{{ name }}"}
    assert written("<i>{{ name }}</i>", nasty, parse_mode="HTML") == "<i>&lt;b&gt;&amp;&#34;x&#34;&lt;/b&gt;</i>"
    assert written("{{ none_such|default('<b>') }}", nasty, parse_mode="HTML") == "&lt;b&gt;"
    assert written("<i>{{ name }} {{ city }}", nasty) == '<i><b>&"x"</b> {{ name }}'


def test_every_missing_variable_is_named_once_and_an_empty_one_is_missing() -> None:
    buttons = [[{"text": "{{ city }}", "url": "https://x.test/{{ shop|urlencode }}"}]]
    content = Content.model_validate({"variants": {"en": {"text": "{{ a }} {{ city }} {{ a }}", "buttons": buttons}}})
    with pytest.raises(Invalid) as refused:
        render(content.variant("en"), {"city": " ", "a": None})
    assert refused.value.code == "unfit_content"
    assert [fault.field for fault in refused.value.faults] == ["a", "city", "shop"]
    filled = content.model_copy(update={"defaults": {"a": 1, "shop": "tea & co"}})
    rendered = render(filled.variant("en"), filled.with_defaults({"city": "Bern", "a": ""}))
    assert rendered.text == "1 Bern 1"
    assert rendered.buttons[0][0].url == "https://x.test/tea%20%26%20co"


def test_the_variant_is_that_of_the_region_then_the_language_then_the_fallback() -> None:
    texts = {language: {"text": language} for language in ("en", "pt", "pt-br")}
    content = Content.model_validate({"variants": texts, "fallback_language": "en"})
    asked = {"pt-br": "pt-br", "pt-PT": "pt", "PT_BR": "pt-br", "fr": "en", "": "en", None: "en"}
    assert {each: content.variant(each).text for each in asked} == asked


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        ({"text": "{{ name"}, "line 1"),
        ({"text": "ok\n{% for x in name %}{% endfor %}"}, "line 2: For is not let in"),
        ({"text": "{{ 'x' * 50000000 }}"}, "Mul is not let in"),
        ({"text": "{{ 9 ** 9 ** 9 }}"}, "Pow is not let in"),
        ({"text": "{{ '%0999999999d' % 1 }}"}, "Mod is not let in"),
        ({"text": "{{ name ~ name }}"}, "Concat is not let in"),
        ({"text": "{{ ''.__class__ }}"}, "Getattr is not let in"),
        ({"text": "{{ name['x'] }}"}, "Getitem is not let in"),
        ({"text": "{{ range(10) }}"}, "Call is not let in"),
        ({"text": "{{ [1, 2] }}"}, "List is not let in"),
        ({"text": "{% set a = name %}"}, "Assign is not let in"),
        ({"text": "{% macro a() %}{{ a() }}{% endmacro %}"}, "Macro is not let in"),
        ({"text": "{% include 'x' %}"}, "Include is not let in"),
        ({"text": "{% filter upper %}x{% endfilter %}"}, "FilterBlock is not let in"),
        ({"text": "{{ name is defined }}"}, "Test is not let in"),
        ({"text": "{{ name|center(1000000000) }}"}, "there is no filter `center`"),
        ({"text": "{{ name|replace('a', name) }}"}, "there is no filter `replace`"),
        ({"text": "{{ name|truncate(city) }}"}, "takes 1 constant in brackets"),
        ({"text": "{{ name|upper(1) }}"}, "takes no constants in brackets"),
        ({"text": "{{ name|default }}"}, "takes 1 constant in brackets"),
        ({"text": "{{ self }}"}, "`self` cannot be a variable"),
        ({"text": "{{ __builtins__ }}"}, "cannot be a variable"),
        ({"text": "{{ none }}"}, "`none` is nothing"),
        ({"text": "{% if 'a' in name %}x{% endif %}"}, "`in` cannot be asked"),
        ({"text": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}"}, "too deep"),
        ({"text": "{{ " + "not " * 3000 + "a }}"}, "too deep"),
        ({"text": "{{ a" + "|upper" * 30 + " }}"}, "nested too deeply"),
        ({"text": "{% if a %}" * 50 + "x" + "{% endif %}" * 50}, "nested too deeply"),
        ({"text": "{{ a }}" * 500}, "more than 400 places"),
        ({"text": "{{ " + "9" * 5000 + " }}"}, "digits"),
        ({"text": "x" * (SOURCE_CHARACTERS + 1)}, "16384"),
        ({"text": "x" * 4097}, "4097 UTF-16 units; Telegram takes 4096"),
        ({"text": "🦊" * 513, "photo": "https://x.test/a.png"}, "1026 UTF-16 units; Telegram takes 1024"),
        ({"text": " \n"}, "nothing would be left"),
        ({"text": "{% if 'a' < 1 %}x{% endif %}"}, "cannot be compared by size"),
        ({"text": "1 < 2", "parse_mode": "HTML"}, "write `&lt;`"),
        ({"text": "<b>x", "parse_mode": "HTML"}, "close <b>"),
        ({"text": "<b><i>x</b></i>", "parse_mode": "HTML"}, "</b> closes nothing"),
        ({"text": "<div>x</div>", "parse_mode": "HTML"}, "Telegram knows no <div>"),
        ({"text": "<b>{% if a %}</b>{% endif %}", "parse_mode": "HTML"}, "close <b>"),
        ({"text": "<a href={{ a }}>x</a>", "parse_mode": "HTML"}, "write `&lt;`"),
        ({"text": "x", "photo": "https://x.test/a", "document": "https://x.test/b"}, "a `photo` or a `document`"),
        ({"text": "x", "photo": "ftp://x"}, "a `file_id` of Telegram's"),
        ({"text": "x", "buttons": [[{"text": "Go"}]]}, "either a `url` or `data`"),
        ({"text": "x", "buttons": [[{"text": "Go", "url": "javascript:alert(1)"}]]}, "begins with https://"),
        ({"text": "x", "buttons": [[{"text": "Go", "data": "é" * 33}]]}, "64 bytes"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_could_run_away_or_could_not_be_sent_is_refused_when_it_is_written(values: Any, advice: str) -> None:
    started = time.perf_counter()
    with pytest.raises(ValidationError) as refused:
        Variant.model_validate(values)
    assert advice in str(refused.value)
    assert time.perf_counter() - started < 5.0


@pytest.mark.parametrize(
    ("variant", "variables", "where"),
    [
        ({"text": "{{ a }}" * 9}, {"a": "x" * 500}, "text"),
        ({"text": "{{ a }}", "photo": "https://x.test/a.png"}, {"a": "x" * 501}, "text"),
        ({"text": "{% if a > 3 %}x{% endif %}"}, {"a": "four"}, "text"),
        ({"text": "{% if a %}x{% endif %}"}, {}, "text"),
        ({"text": "x", "buttons": [[{"text": "Go", "url": "{{ a }}"}]]}, {"a": "javascript:x"}, "buttons"),
        ({"text": "x", "buttons": [[{"text": "{{ a }}", "data": "x"}]]}, {"a": "x" * 65}, "buttons"),
    ],
)
def test_what_telegram_would_refuse_for_one_person_is_told(variant: Any, variables: Any, where: str) -> None:
    with pytest.raises(Invalid) as refused:
        render(Variant.model_validate(variant), variables)
    assert [fault.field for fault in refused.value.faults] == [where]


NAMES = ["a", "b", "c"]
values = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=20) | st.just("ΐ" * 500) | st.just("<&\"'>")
variables = st.dictionaries(st.sampled_from(NAMES), values, max_size=3)
constants = st.sampled_from(["'x'", "''", "3", "1.5", "true", "'<b>'", "'ß'"])
expressions = st.recursive(
    st.sampled_from(NAMES) | constants,
    lambda inner: st.one_of(
        st.builds(
            "{}|{}".format, inner, st.sampled_from(["upper", "lower", "title", "capitalize", "trim", "urlencode"])
        ),
        st.builds("({})|default({})".format, inner, constants),
        st.builds("({})|truncate({})".format, inner, st.integers(-3, 30)),
        st.builds("({} {} {})".format, inner, st.sampled_from(["==", "!=", "<", ">=", "and", "or"]), inner),
        st.builds("(not {})".format, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
    ),
    max_leaves=6,
)
bodies = st.recursive(
    st.builds("{{{{ {} }}}}".format, expressions) | st.text(st.sampled_from("xyß 🦊&\n"), max_size=8),
    lambda inner: st.one_of(
        st.lists(inner, max_size=6).map("".join),
        st.builds(
            "{{% if {} %}}{}{{% elif {} %}}{}{{% else %}}{}{{% endif %}}".format,
            expressions,
            inner,
            expressions,
            inner,
            inner,
        ),
        inner.map("<b>{}</b>".format),
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(source=bodies, own=variables, is_html=st.booleans())
def test_whatever_is_let_in_ends_soon_and_within_its_bounds(source: str, own: Any, is_html: bool) -> None:
    try:
        compiled = filling(source, is_html=is_html)
    except ValueError:
        return  # too deep
    started = time.process_time()
    try:
        text = compiled.fill(own)
    except Unfit:
        return
    assert time.process_time() - started < 1.0
    assert len(text) <= OUTPUT_CHARACTERS
    if is_html:
        assert "<" not in text.replace("<b>", "").replace("</b>", "")


@settings(max_examples=400, deadline=None)
@given(source=bodies, own=variables, is_html=st.booleans())
def test_who_surely_fits_is_never_refused(source: str, own: Any, is_html: bool) -> None:
    try:
        variant = Variant(text=source, parse_mode="HTML" if is_html else "plain")
    except ValidationError:
        return
    if fits_surely(variant, own):
        assert render(variant, own).text


@given(st.text(st.sampled_from("{}%#'\"|()[]<>=!ab .,-+*/~\n0self"), max_size=60))
@settings(max_examples=500, deadline=None)
def test_no_text_at_all_breaks_more_than_itself(source: str) -> None:
    try:
        filling(source, is_html=False).fill({"a": "x", "b": 2})
    except (ValueError, Unfit):
        return


async def test_a_dry_run_counts_all_and_names_the_first_who_cannot_be_told() -> None:
    texts = {"en": {"text": "Hello {{ first_name }}"}, "de": {"text": "{{ a }}" * 10}}
    content = Content.model_validate({"variants": texts, "fallback_language": "en", "defaults": {"a": "x" * 500}})

    async def people() -> AsyncIterator[Recipient]:
        for number in range(3000):
            has_name = number % 2 == 0
            yield Recipient(UUID(int=number), "fr", {"first_name": "Ada"} if has_name else {})
        yield Recipient(UUID(int=9000), "de", {})

    found = await dry_run(content, people())
    assert (found.checked, found.unfit, found.missing) == (3001, 1501, {"first_name": 1500})
    assert len(found.findings) == FINDINGS
    assert found.findings[0].contact_id == UUID(int=1)
    assert [fault.field for fault in found.findings[0].faults] == ["first_name"]


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        ({"variants": {}}, "variants"),
        ({"variants": {"en": {"text": "a"}, "de": {"text": "b"}}}, "name the `fallback_language`"),
        ({"variants": {"en": {"text": "a"}}, "fallback_language": "de"}, "there is no variant in"),
        ({"variants": {"english": {"text": "a"}}}, "`de`, or `pt-br`"),
        ({"variants": {"en": {"text": "a"}}, "defaults": {"a b": 1}}, "begin with a letter"),
        ({"variants": {"en": {"text": "a"}}, "defaults": {"a": []}}, "give a text"),
    ],
)
def test_a_content_that_nobody_could_send_is_refused(values: Any, advice: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Content.model_validate(values)
    assert advice in str(refused.value)
