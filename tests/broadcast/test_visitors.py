"""People on the web are told, too: in their conversation, once, in their language, and no more once they are gone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from server import ids
from server.auth.erasure import go_on
from server.bot.visitors import eraser, forget, listen
from server.chat.insight import Insight
from tests.broadcast.square import counts, on_the_web, people, started, through
from tests.eventually import eventually
from tests.rest.house import House, Person


async def contact_of(operator: Person, thread: Any) -> Any:
    """What is known of whoever is in this thread; None for nobody."""
    found = (await operator.get("/bot/contacts", thread_id=thread["id"]))["contacts"]
    return found[0] if found else None


async def test_whoever_opens_a_conversation_has_campaigns_in_it(house: House, operator: Person, at_work: None) -> None:
    tag, ada = ids.new().hex, await house.guest("Ada")
    thread = await on_the_web(operator, ada, tag)
    contact = await contact_of(operator, thread)
    assert (contact["channel"], contact["chat_id"], contact["user_id"]) == ("web", None, str(ada.id))
    assert counts(await through(operator, await started(operator, tag))) == {"sent": 1}
    assert "hello Ada" in await ada.words(thread)


async def test_a_new_conversation_is_of_the_same_contact(house: House, operator: Person, at_work: None) -> None:
    tag, ada = ids.new().hex, await house.guest("Ada")
    first = await on_the_web(operator, ada, tag)
    contact = await contact_of(operator, first)
    await operator.patch(f"/chat/threads/{first['id']}", status="archived")
    second = {"id": (await ada.says("me again"))["thread_id"]}
    assert second != first
    assert (await contact_of(operator, second))["id"] == contact["id"]
    assert await contact_of(operator, first) is None
    await through(operator, await started(operator, tag))
    assert "hello Ada" in await ada.words(second)
    assert "hello Ada" not in await ada.words(first)


async def test_operators_are_nobody_outside(house: House, operator: Person) -> None:
    assert await contact_of(operator, await operator.opens("support")) is None


async def test_what_telegram_would_show_is_words_and_addresses(house: House, operator: Person, at_work: None) -> None:
    tag, ada = ids.new().hex, await house.guest("A<b>a")
    thread = await on_the_web(operator, ada, tag)
    variant = {
        "text": "<b>Hi</b> {{ name }} &amp; all",
        "parse_mode": "HTML",
        "photo": "https://example.com/a.png",
        "buttons": [[{"text": "go", "url": "https://a.example"}, {"text": "yes", "data": "yes"}]],
    }
    await through(operator, await started(operator, tag, content={"variants": {"en": variant}}))
    assert "Hi A<b>a & all\n\nhttps://example.com/a.png\n\ngo: https://a.example" in await ada.words(thread)


async def test_whoever_is_on_telegram_is_told_there_alone(house: House, operator: Person) -> None:
    tag, ada = ids.new().hex, await house.person()
    await on_the_web(operator, ada, tag)
    ((_, contact),) = (await people(house, tag, 1)).items()
    body = {"name": "x", "content": {"variants": {"en": {"text": "x"}}}, "audience": {"tag": tag}}
    one = await operator.post("/broadcast/campaign", **body)
    path = f"/broadcast/campaign/{one['id']}/audience"
    assert (await operator.get(path))["count"] == 2
    await house.rows("UPDATE contacts SET user_id = $1 WHERE id = $2", ada.id, contact)
    assert [person["contact_id"] for person in (await operator.get(path))["sample"]] == [str(contact)]


async def test_they_are_told_in_the_language_they_write_in(house: House, operator: Person, at_work: None) -> None:
    tag, ada = ids.new().hex, await house.guest("Ada")
    thread = await on_the_web(operator, ada, tag)
    await ada.says("Guten Tag, ich habe eine Frage zu meiner letzten Rechnung.")

    async def is_known() -> bool:
        await Insight(house.database).sweep()
        await listen(house.database)
        return bool((await contact_of(operator, thread))["language"] == "de")

    await eventually(is_known)
    content = {"variants": {"en": {"text": "good day"}, "de": {"text": "guten Tag"}}, "fallback_language": "en"}
    await through(operator, await started(operator, tag, content=content))
    assert (await ada.words(thread))[-1] == "guten Tag"


async def test_whoever_wrote_lately_is_active(house: House, operator: Person) -> None:
    tag, ada = ids.new().hex, await house.guest("Ada")
    thread = await on_the_web(operator, ada, tag)
    rule = {"all": [{"tag": tag}, {"active_within_days": 7}]}
    content = {"variants": {"en": {"text": "x"}}}
    one = await operator.post("/broadcast/campaign", name="x", content=content, audience=rule)
    path = f"/broadcast/campaign/{one['id']}/audience"
    old = "UPDATE contacts SET seen_at = now() - interval '30 days' WHERE thread_id = $1"
    await house.rows(old, UUID(thread["id"]))
    assert (await operator.get(path))["count"] == 1, "the message is of today"
    await house.rows(old.replace("contacts", "messages").replace("seen_at", "created_at"), UUID(thread["id"]))
    assert (await operator.get(path))["count"] == 0


async def test_who_is_erased_is_no_contact_any_more(house: House, operator: Person) -> None:
    ada, admin = await house.guest("Ada"), await house.person(role="admin")
    thread = await on_the_web(operator, ada, ids.new().hex)
    await admin.delete(f"/auth/users/{ada.id}")
    async for _ in go_on(house.database, (eraser(house.database),)):
        pass
    assert await contact_of(operator, thread) is None


async def test_whose_account_is_gone_is_no_contact_any_more(house: House, operator: Person) -> None:
    ada, bob = await house.guest("Ada"), await house.guest("Bob")
    gone, there = [await on_the_web(operator, one, ids.new().hex) for one in (ada, bob)]
    await house.rows("UPDATE contacts SET user_id = NULL WHERE user_id = $1", ada.id)  # as its account's end does
    async for _ in forget(house.database):
        pass
    assert await contact_of(operator, gone) is None
    assert await contact_of(operator, there) is not None
