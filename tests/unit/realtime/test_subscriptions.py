"""History, presence, subscriptions that end, and those that the server begins: the session's part of it."""

from __future__ import annotations

import pytest
from msgspec import Raw

from server.errors import Invalid, Limited, Unauthenticated
from server.realtime import protocol
from server.realtime.effects import (
    Answer,
    Cut,
    Effect,
    Found,
    Join,
    Joined,
    Leave,
    Look,
    Present,
    Read,
    Renew,
    Renewed,
    SignedIn,
    SignIn,
)
from server.realtime.protocol import ClientInfo, HistoryResult, Published, Reply
from server.realtime.seam import Entry, Position, Publication
from server.realtime.session import COMMANDS_LIMIT, Session
from tests.unit.realtime.test_session import ANN, PACE, errors, fresh, say, session

__all__ = ["session"]

GRANTED = Entry(Position("e", 3), is_granted=True)
SOMEBODY = {"c1": ClientInfo("ann", "c1"), "c2": ClientInfo("ann", "c2"), "c3": ClientInfo("bob", "c3")}


def reply(effects: list[Effect]) -> Reply:
    (answer,) = effects
    assert isinstance(answer, Answer)
    return answer.reply


def granted(ttl_seconds: int) -> Session:
    mine = fresh()
    (sign_in,) = say(mine, '{"id":1,"connect":{"token":"t"}}')
    assert isinstance(sign_in, SignIn)
    mine.finish(sign_in, SignedIn(ANN, None), now=100.0)
    (join,) = say(mine, '{"id":2,"subscribe":{"channel":"c","token":"leave","join_leave":true}}')
    assert join == Join(2, "c", token="leave", wants_motions=True)
    told = reply(mine.finish(join, Joined(GRANTED, Position("e", 3), ttl_seconds=ttl_seconds), now=100.0))
    assert told.subscribe is not None
    assert (told.subscribe.expires, told.subscribe.ttl) == (True, ttl_seconds)
    return mine


def test_who_listens_is_told_by_connection(session: Session) -> None:
    (work,) = say(session, '{"id":5,"presence":{"channel":"c"}}')
    assert work == Look(5, "c", wants_count=False)
    told = reply(session.finish(work, Present(SOMEBODY), now=100.0))
    assert told.presence is not None
    assert told.presence.presence == SOMEBODY


def test_a_person_with_two_connections_counts_as_one_user(session: Session) -> None:
    (work,) = say(session, '{"id":5,"presence_stats":{"channel":"c"}}')
    assert isinstance(work, Look)
    assert work.wants_count
    told = reply(session.finish(work, Present(SOMEBODY), now=100.0))
    assert told.presence_stats is not None
    assert (told.presence_stats.num_clients, told.presence_stats.num_users) == (3, 2)


def test_presence_that_is_not_kept_is_not_available(session: Session) -> None:
    (work,) = say(session, '{"id":5,"presence":{"channel":"c"}}')
    assert isinstance(work, Look)
    (error,) = errors(session.finish(work, Invalid("presence_not_kept"), now=100.0))
    assert error is not None
    assert error.code == protocol.NOT_AVAILABLE.code


def test_a_subscription_ends_with_its_token_and_a_little_grace() -> None:
    mine = granted(ttl_seconds=5)
    assert mine.due <= 100 + 5 + PACE.grace_seconds
    mine.tick(100 + 5 + PACE.grace_seconds - 1)
    assert "c" in mine.channels
    effects = mine.tick(100 + 5 + PACE.grace_seconds)
    assert Leave("c") in effects
    pushes = [each.reply.push for each in effects if isinstance(each, Answer) and each.reply.push]
    assert [push.unsubscribe for push in pushes] == [protocol.SUBSCRIPTION_EXPIRED]
    assert "c" not in mine.channels


def test_a_newer_token_prolongs_a_subscription() -> None:
    mine = granted(ttl_seconds=5)
    (work,) = say(mine, '{"id":3,"sub_refresh":{"channel":"c","token":"newer"}}')
    assert work == Renew(3, "c", "newer")
    told = reply(mine.finish(work, Renewed(60), now=104.0))
    assert told.sub_refresh == protocol.SubRefreshResult(expires=True, ttl=60)
    mine.tick(100 + 5 + PACE.grace_seconds)
    assert "c" in mine.channels


@pytest.mark.parametrize(("code", "expected"), [("token_expired", 109), ("token_invalid", 103)])
def test_a_bad_subscription_token_refuses_the_channel_and_not_the_connection(code: str, expected: int) -> None:
    mine = granted(ttl_seconds=5)
    (work,) = say(mine, '{"id":3,"sub_refresh":{"channel":"c","token":"newer"}}')
    assert isinstance(work, Renew)
    (error,) = errors(mine.finish(work, Unauthenticated(code), now=104.0))
    assert error is not None
    assert error.code == expected
    assert not mine.is_over


def test_only_what_is_subscribed_can_be_renewed(session: Session) -> None:
    assert errors(say(session, '{"id":3,"sub_refresh":{"channel":"c","token":"t"}}')) == [protocol.PERMISSION_DENIED]


def test_the_channel_of_their_own_stands_in_the_answer_to_connect() -> None:
    mine = fresh()
    (work,) = say(mine, '{"id":1,"connect":{"token":"t"}}')
    assert isinstance(work, SignIn)
    own = ("user:ann", Joined(Entry(Position("", 0)), Position("", 0)))
    told = reply(mine.finish(work, SignedIn(ANN, None, own), now=100.0))
    assert told.connect is not None
    assert told.connect.subs == {"user:ann": protocol.SubscribeResult()}
    assert errors(say(mine, '{"id":2,"subscribe":{"channel":"user:ann"}}')) == [protocol.ALREADY_SUBSCRIBED]


def test_who_is_here_too_often_is_sent_away_for_good() -> None:
    mine = fresh()
    (work,) = say(mine, '{"id":1,"connect":{"token":"t"}}')
    assert isinstance(work, SignIn)
    assert mine.finish(work, Limited("too_many_connections"), now=100.0) == [Cut(protocol.TOO_MANY_CONNECTIONS)]


def test_history(session: Session) -> None:
    (work,) = say(session, '{"id":5,"history":{"channel":"c","limit":-1,"since":{"offset":3,"epoch":"e"}}}')
    assert work == Read(5, "c", 300, Position("e", 3))
    (answer,) = session.finish(work, Found(Position("e", 4), [Publication(4, b"{}")]), now=100.0)
    assert isinstance(answer, Answer)
    assert answer.reply.history == HistoryResult((Published(Raw(b"{}"), 4),), "e", 4)
    assert say(session, '{"id":6,"history":{"channel":"c"}}') == [Read(6, "c", 0, None)]


def test_history_backwards(session: Session) -> None:
    since = '{"offset":3,"epoch":"e"}'
    (back,) = say(session, f'{{"id":7,"history":{{"channel":"c","limit":2,"reverse":true,"since":{since}}}}}')
    assert back == Read(7, "c", 2, Position("e", 3), backwards=True)


def test_history_of_another_epoch_is_unrecoverable(session: Session) -> None:
    (work,) = say(session, '{"id":5,"history":{"channel":"c","limit":1,"since":{"offset":3,"epoch":"old"}}}')
    assert isinstance(work, Read)
    assert errors(session.finish(work, Found(Position("e", 4)), now=100.0)) == [protocol.UNRECOVERABLE]


def test_nothing_comes_before_the_first_change(session: Session) -> None:
    line = '{"id":5,"history":{"channel":"c","reverse":true,"since":{"offset":0}}}'
    assert errors(say(session, line)) == [protocol.BAD_REQUEST]


def test_a_flood_in_one_blow_is_cut(session: Session) -> None:
    (sign_off,) = session.receive([protocol.Command(1, rpc=protocol.CallRequest("m"))] * (COMMANDS_LIMIT + 1))
    assert sign_off == Cut(protocol.TOO_MANY_COMMANDS)
