"""Contacts out of CSV: however the file is cut into pieces, every line is read, or refused by its number."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.bot.constants import LINE_BYTES
from server.bot.imports import Line, Reader, Unreadable
from server.bot.schemas import RefusedLine
from server.errors import Invalid


def read(file: str | bytes, size: int = 1_000_000) -> list[Line | RefusedLine]:
    content = file.encode(errors="surrogateescape") if isinstance(file, str) else file
    reader = Reader()
    found: list[Line | RefusedLine] = []
    for start in range(0, len(content), size):
        found += reader.feed(content[start : start + size])
    return [*found, *reader.finish()]


def contact(file: str) -> dict[str, Any]:
    (line,) = read(file)
    assert isinstance(line, Line), line
    return line.contact.model_dump(exclude_defaults=True)


def test_columns_are_named_by_the_first_line() -> None:
    file = "chat_id,name,language,tags,opted_out,city,age:number,vip:truth,timezone\n"
    assert contact(file + '7,"Ada, L.",de_CH,vip; new|big,yes,007,36,true,Europe/Zurich') == {
        "chat_id": 7,
        "name": "Ada, L.",
        "language": "de-ch",
        "tags": ["vip", "new", "big"],
        "opted_out": True,
        "attributes": {"city": "007", "age": 36, "vip": True, "timezone": "Europe/Zurich"},
    }
    assert contact(file + "7,,,,,,,,") == {"chat_id": 7}
    assert contact("\ufeffchat_id;city\r\n7;Bern, Biel\r\n") == {"chat_id": 7, "attributes": {"city": "Bern, Biel"}}


@pytest.mark.parametrize(
    ("cells", "advice"),
    [
        ("x,Ada,,,", "chat_id: give a whole number"),
        (",Ada,,,", "chat_id: give a whole number"),
        ("-5,Ada,,,", "chat_id: this has to be 1 or more"),
        ("9999999999999999999,Ada,,,", "chat_id: this has to be 4503599627370496 or less"),
        ("7,Ada,german,,", "language: give a language as Telegram does"),
        (f"7,{'x' * 201},,,", "name: write at most 200 characters"),
        (f"7,Ada,,{'x' * 65},", "tags.0: write at most 64 characters"),
        (f"7,Ada,,{';'.join(map(str, range(51)))},", "tags: give at most 50 entries"),
        ("7,Ada,,,old", "age: write a number"),
        ("7,Ada,,,1e9", "age: write a number"),
        ("7,Ada,,,٣", "age: write a number"),
        ("7,A\x00a,,,", "name: remove the NUL"),
        ("7,A\udcffa,,,", "not UTF-8"),
        ("7,Ada,,", "4 cells under 5 columns"),
        ("7,Ada,,,,", "6 cells under 5 columns"),
        ('7,"Ada"x,,,', "expected after"),
    ],
)
def test_a_refused_line_is_told_by_its_number_and_the_others_are_read(cells: str, advice: str) -> None:
    found = read(f'chat_id,name,language,tags,age:number\n1,"A\nB",,,\n\n{cells}\n2,B,,,\n')
    kinds = [(type(each), each.number if isinstance(each, Line) else each.line) for each in found]
    assert kinds == [(Line, 2), (RefusedLine, 5), (Line, 6)]
    assert isinstance(found[1], RefusedLine)
    assert advice in found[1].reason


@pytest.mark.parametrize(
    ("file", "advice"),
    [
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        ("name,city\n1,2\n", "no column `chat_id`"),
        ("chat_id,city,city\n", "`city` comes twice"),
        ("chat_id,first name\n", "begin with a letter"),
        ("chat_id,age:int\n", "`age:number`"),
        ("chat_id," + ",".join(f"a{number}" for number in range(100)) + "\n", "100 columns"),
        ('"chat_id\n' + "1\n" * LINE_BYTES, "no end within"),
        (b"\xff\xfe", "not UTF-8"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_first_line_that_says_nothing_is_refused(file: str | bytes, advice: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(file)
    assert advice in refused.value.detail


@pytest.mark.parametrize(
    ("rest", "line", "advice"),
    [
        (b'2,"Ada\n' + b"3,Bob\n" * 20_000, 3, "no end within"),
        (b'2,"Ada\n3,Bob', 3, "never closed"),
    ],
)
def test_where_nothing_more_can_be_read_the_line_is_named(rest: bytes, line: int, advice: str) -> None:
    with pytest.raises(Unreadable) as broken:
        read(b"chat_id,name\n1,Ada\n" + rest)
    assert (broken.value.line, advice in broken.value.reason) == (line, True)


names = st.text(st.sampled_from('ab ",;\n\r|é🦊'), max_size=12).map(str.strip)


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(1, 10**9), names), max_size=20), size=st.integers(1, 40))
def test_a_file_means_the_same_however_it_is_cut(rows: list[tuple[int, str]], size: int) -> None:
    file = io.StringIO()
    csv.writer(file).writerows([("chat_id", "name"), *rows])
    found = read(file.getvalue(), size)
    assert [(each.contact.chat_id, each.contact.name) for each in found if isinstance(each, Line)] == rows
    assert len(found) == len(rows)
