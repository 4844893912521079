"""The protocol's rules, without a socket: commands go in, effects come out."""

from __future__ import annotations

import pytest

from server.errors import Conflict, Forbidden, Invalid, Limited, Missing, Problem, Unauthenticated, Unavailable
from server.realtime import protocol
from server.realtime.codec import JSON
from server.realtime.effects import (
    Answer,
    Call,
    Committed,
    Cut,
    Effect,
    Join,
    Joined,
    Leave,
    Notice,
    Publish,
    Refresh,
    Returned,
    SignedIn,
    SignIn,
    Work,
)
from server.realtime.protocol import Close, Error
from server.realtime.seam import Entry, Identity, Position, Publication
from server.realtime.session import CHANNELS, PENDING_COMMANDS, PUBLISHES_IN_FLIGHT, Pace, Session

ANN = Identity("ann")
BOB = Identity("bob")
ENTRY = Entry(Position("e", 9), with_presence=True)
PACE = Pace()


def fresh() -> Session:
    return Session("c1", PACE, now=100.0, phase=0.0)


def say(session: Session, *lines: str) -> list[Effect]:
    return session.receive(JSON.read("\n".join(lines).encode()))


def errors(effects: list[Effect]) -> list[Error | None]:
    return [each.reply.error for each in effects if isinstance(each, Answer)]


@pytest.fixture
def session() -> Session:
    """Ann's, signed in."""
    mine = fresh()
    (work,) = say(mine, '{"id":11,"connect":{"token":"t"}}')
    assert work == SignIn(11, "t")
    mine.finish(work, SignedIn(ANN, None), now=100.0)
    return mine


def subscribed(session: Session, channel: str = "c") -> None:
    (work,) = say(session, f'{{"id":2,"subscribe":{{"channel":"{channel}"}}}}')
    assert isinstance(work, Join)
    session.finish(work, Joined(ENTRY, Position("e", 3)), now=100.0)


def test_connect_tells_who_and_how_to_ping() -> None:
    mine = fresh()
    (work,) = say(mine, '{"id":11,"connect":{"token":"t"}}')
    assert isinstance(work, SignIn)
    (answer,) = mine.finish(work, SignedIn(ANN, 60), now=100.0)
    assert isinstance(answer, Answer)
    assert answer.reply.id == 11
    result = answer.reply.connect
    assert result is not None
    assert (result.client, result.ping, result.pong, result.expires, result.ttl) == ("c1", 25, True, True, 60)
    assert result.version


def test_what_is_pipelined_behind_connect_waits_for_it() -> None:
    mine = fresh()
    (work,) = say(mine, '{"id":1,"connect":{}}', '{"id":2,"subscribe":{"channel":"c"}}')
    assert isinstance(work, SignIn)
    answer, join = mine.finish(work, SignedIn(ANN, None), now=100.0)
    assert isinstance(answer, Answer)
    assert join == Join(2, "c", None, must_recover=False)


@pytest.mark.parametrize(
    "line",
    [
        '{"id":1,"subscribe":{"channel":"c"}}',
        '{"id":1,"rpc":{"method":"m"}}',
        '{"send":{"data":1}}',
        '{"connect":{}}',
        "{}",
        '{"id":1}',
    ],
)
def test_anything_before_connect_breaks_the_rule(line: str) -> None:
    assert say(fresh(), line) == [Cut(protocol.BROKEN_RULE)]


def test_a_second_connect_breaks_the_rule(session: Session) -> None:
    assert say(session, '{"id":12,"connect":{}}') == [Cut(protocol.BROKEN_RULE)]


@pytest.mark.parametrize(
    ("problem", "answer"),
    [
        (Unauthenticated("token_expired"), Error(109, "token_expired")),
        (Unauthenticated("token_invalid"), Close(3500, "invalid token")),
        (Forbidden("account_blocked"), Close(3503, "force disconnect")),
        (Unavailable("rows_down"), Error(100, "rows_down", temporary=True)),
        (Limited("too_many_sign_ins"), Error(111, "too_many_sign_ins", temporary=True)),
        (ZeroDivisionError(), Error(100, "internal server error", temporary=True)),
    ],
)
def test_a_refused_connect(problem: Exception, answer: Error | Close) -> None:
    mine = fresh()
    (work,) = say(mine, '{"id":1,"connect":{}}', '{"id":2,"subscribe":{"channel":"c"}}')
    assert isinstance(work, SignIn)
    effects = mine.finish(work, problem, now=100.0)
    if isinstance(answer, Close):
        assert effects == [Cut(answer)]
    else:
        assert errors(effects) == [answer]  # and the subscribe behind it is dropped
        assert say(mine, '{"id":3,"connect":{}}') == [Cut(protocol.BROKEN_RULE)]


def test_who_does_not_sign_in_is_stale() -> None:
    mine = fresh()
    assert mine.due == 110.0
    assert mine.tick(109.9) == []
    assert mine.tick(110.0) == [Cut(protocol.STALE)]


def test_pings_and_pongs(session: Session) -> None:
    assert session.due == 112.5
    assert session.tick(112.5) == [Answer(protocol.PING)]
    assert session.due == 120.5
    assert say(session, "{}") == []
    assert session.tick(120.5) == []
    assert session.due == 137.5


def test_pings_come_whatever_else_is_said(session: Session) -> None:
    for second in range(12):
        say(session, f'{{"id":{second + 2},"ping":{{}}}}')
        assert session.tick(100.0 + second) == []
    assert session.tick(112.5) == [Answer(protocol.PING)]


def test_a_missing_pong_ends_it_whatever_else_is_said(session: Session) -> None:
    session.tick(112.5)
    say(session, '{"id":5,"ping":{}}')
    assert session.tick(120.5) == [Cut(protocol.NO_PONG)]


def test_a_pong_nobody_asked_for_breaks_the_rule(session: Session) -> None:
    assert say(session, "{}") == [Cut(protocol.BROKEN_RULE)]


def test_subscribing(session: Session) -> None:
    (work,) = say(session, '{"id":2,"subscribe":{"channel":"c","flag":1,"join_leave":true}}')
    assert isinstance(work, Join)
    (answer,) = session.finish(work, Joined(ENTRY, Position("e", 3)), now=100.0)
    assert isinstance(answer, Answer)
    result = answer.reply.subscribe
    assert result is not None
    assert (result.recoverable, result.positioned, result.epoch, result.offset) == (True, True, "e", 3)
    assert not result.was_recovering


def test_recovering(session: Session) -> None:
    (work,) = say(session, '{"id":2,"subscribe":{"channel":"c","recover":true,"epoch":"e","offset":3}}')
    assert isinstance(work, Join)
    assert work.since == Position("e", 3)
    (answer,) = session.finish(work, Joined(ENTRY, Position("e", 3), [Publication(4, b"{}")]), now=100.0)
    assert isinstance(answer, Answer)
    result = answer.reply.subscribe
    assert result is not None
    assert (result.offset, result.recovered, result.was_recovering) == (3, True, True)
    assert [each.offset for each in result.publications] == [4]


def test_recovery_that_cannot_be_had_never_lies(session: Session) -> None:
    (work,) = say(session, '{"id":2,"subscribe":{"channel":"c","recover":true,"epoch":"old","offset":3}}')
    assert isinstance(work, Join)
    (answer,) = session.finish(work, Joined(ENTRY, Position("e", 9)), now=100.0)
    assert isinstance(answer, Answer)
    result = answer.reply.subscribe
    assert result is not None
    assert (result.offset, result.recovered, result.was_recovering, result.publications) == (9, False, True, ())


def test_who_wants_all_or_nothing_gets_nothing(session: Session) -> None:
    (work,) = say(session, '{"id":2,"subscribe":{"channel":"c","recover":true,"epoch":"old","flag":3}}')
    assert isinstance(work, Join)
    leave, answer = session.finish(work, Joined(ENTRY, Position("e", 9)), now=100.0)
    assert leave == Leave("c")
    assert errors([answer]) == [protocol.UNRECOVERABLE]
    assert not session.channels


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ('{"channel":"c"}', protocol.ALREADY_SUBSCRIBED),
        ('{"channel":"%s"}' % ("x" * 256), protocol.BAD_REQUEST),
        ('{"channel":"a\\nb"}', protocol.BAD_REQUEST),
    ],
)
def test_subscriptions_refused_at_once(session: Session, request_: str, error: Error) -> None:
    subscribed(session)
    assert errors(say(session, f'{{"id":3,"subscribe":{request_}}}')) == [error]


def test_too_many_channels(session: Session) -> None:
    for number in range(CHANNELS):
        subscribed(session, f"c{number}")
    assert errors(say(session, '{"id":3,"subscribe":{"channel":"one more"}}')) == [protocol.LIMIT_EXCEEDED]


@pytest.mark.parametrize("method", ["subscribe", "unsubscribe", "publish", "presence", "presence_stats", "history"])
def test_a_channel_is_needed(session: Session, method: str) -> None:
    assert say(session, f'{{"id":3,"{method}":{{}}}}') == [Cut(protocol.BROKEN_RULE)]


@pytest.mark.parametrize(
    ("problem", "error"),
    [
        (Forbidden("not_yours"), Error(103, "not_yours")),
        (Missing("no_such_thread"), Error(102, "no_such_thread")),
        (Invalid("bad_channel"), Error(107, "bad_channel")),
        (Conflict("archived"), Error(409, "archived")),
        (Limited("too_fast"), Error(111, "too_fast", temporary=True)),
        (Unavailable("rows_down"), Error(100, "rows_down", temporary=True)),
    ],
)
def test_each_kind_of_problem_has_its_code(session: Session, problem: Problem, error: Error) -> None:
    (join,) = say(session, '{"id":3,"subscribe":{"channel":"c"}}')
    assert isinstance(join, Join)
    assert errors(session.finish(join, problem, now=100.0)) == [error]
    (publish,) = say(session, '{"id":4,"publish":{"channel":"c","data":{}}}')
    assert isinstance(publish, Publish)
    assert errors(session.finish(publish, problem, now=100.0)) == [error]


@pytest.mark.parametrize(
    "command",
    [
        '{"publish":{"channel":"c"}}',
        '{"subscribe":{"channel":"c"}}',
        '{"history":{"channel":"c"}}',
        '{"presence":{"channel":"c"}}',
        '{"rpc":{"method":"m"}}',
        '{"send":{}}',
    ],
)
def test_somebody_who_was_signed_out_is_sent_away_whatever_they_ask(session: Session, command: str) -> None:
    (work,) = say(session, f'{{"id":4,{command[1:]}')
    assert isinstance(work, Work)
    assert session.finish(work, Unauthenticated("token_invalid"), now=100.0) == [Cut(protocol.FORCED)]


def test_a_bad_token_for_a_channel_is_no_fault_of_the_connection(session: Session) -> None:
    (work,) = say(session, '{"id":4,"subscribe":{"channel":"c","token":"bad"}}')
    assert isinstance(work, Join)
    assert errors(session.finish(work, Unauthenticated("token_invalid"), now=100.0)) == [Error(103, "token_invalid")]


def test_unsubscribing_never_fails(session: Session) -> None:
    subscribed(session)
    leave, answer = say(session, '{"id":3,"unsubscribe":{"channel":"c"}}')
    assert leave == Leave("c")
    assert errors([answer]) == [None]
    (again,) = say(session, '{"id":4,"unsubscribe":{"channel":"c"}}')
    assert errors([again]) == [None]


def test_publishes_overlap_and_others_wait(session: Session) -> None:
    effects = say(
        session,
        '{"id":3,"publish":{"channel":"c","data":1}}',
        '{"id":4,"publish":{"channel":"c","data":2}}',
        '{"id":5,"rpc":{"method":"m","data":3}}',
        '{"id":6,"publish":{"channel":"c","data":4}}',
    )
    first, second = effects
    assert first == Publish(3, "c", b"1")
    assert isinstance(second, Publish)
    assert len(session.finish(second, Committed(), now=100.0)) == 1
    answer, call = session.finish(Publish(3, "c", b"1"), Committed(), now=100.0)
    assert isinstance(answer, Answer)
    assert call == Call(5, "m", b"3")
    answer, last = session.finish(call, Returned(b"{}"), now=100.0)
    assert last == Publish(6, "c", b"4")


def test_publishes_in_flight_are_bounded(session: Session) -> None:
    lines = [f'{{"id":{number},"publish":{{"channel":"c","data":1}}}}' for number in range(3, 303)]
    effects = say(session, *lines)
    assert len(effects) == PUBLISHES_IN_FLIGHT < 300 - PENDING_COMMANDS
    assert session.is_congested
    started = [each.id for each in effects if isinstance(each, Publish)]
    while effects:
        work = effects.pop(0)
        if isinstance(work, Publish):
            more = session.finish(work, Committed(), now=100.0)
            started += [each.id for each in more if isinstance(each, Publish)]
            effects += more
    assert started == list(range(3, 303))
    assert say(session, '{"id":999,"ping":{}}')


def test_calls(session: Session) -> None:
    (work,) = say(session, '{"id":8,"rpc":{"method":"m","data":{"x":1}}}')
    assert work == Call(8, "m", b'{"x":1}')
    (answer,) = session.finish(work, Returned(b'{"y":2}'), now=100.0)
    assert isinstance(answer, Answer)
    assert answer.reply.rpc is not None
    assert bytes(answer.reply.rpc.data) == b'{"y":2}'
    for problem, code in ((Missing("unknown_method"), 104), (Missing("no_such_message"), 404)):
        (again,) = say(session, '{"id":9,"rpc":{"method":"m"}}')
        assert again == Call(9, "m", b"null")
        (error,) = errors(session.finish(again, problem, now=100.0))
        assert error is not None
        assert error.code == code


def test_send_is_taken_in_silence_and_a_ping_command_is_answered(session: Session) -> None:
    (work,) = say(session, '{"send":{"data":{"typing":true}}}', '{"id":5,"ping":{}}')
    assert work == Notice(0, b'{"typing":true}')
    (answer,) = session.finish(work, Committed(), now=100.0)
    assert isinstance(answer, Answer)
    assert answer.reply.ping is not None


def test_a_notice_that_is_refused_is_refused_in_silence(session: Session) -> None:
    (work,) = say(session, '{"send":{"data":{}}}')
    assert isinstance(work, Notice)
    assert session.finish(work, Invalid("invalid_input"), now=100.0) == []


def refreshing(outcome: SignedIn | Exception) -> tuple[Session, list[Effect]]:
    mine = fresh()
    (work,) = say(mine, '{"id":1,"connect":{"token":"t"}}')
    assert isinstance(work, SignIn)
    mine.finish(work, SignedIn(ANN, 10), now=100.0)
    (refresh,) = say(mine, '{"id":2,"refresh":{"token":"newer"}}')
    assert refresh == Refresh(2, "newer")
    return mine, mine.finish(refresh, outcome, now=105.0)


def test_a_token_that_is_not_refreshed_ends_the_connection_after_a_grace() -> None:
    mine, _ = refreshing(SignedIn(ANN, 10))
    mine.tick(112.5)
    say(mine, "{}")
    mine.tick(137.5)
    say(mine, "{}")
    assert mine.due == 140.0
    assert mine.tick(139.9) == []
    assert mine.tick(140.0) == [Cut(protocol.EXPIRED)]


def test_refreshing() -> None:
    _, (answer,) = refreshing(SignedIn(ANN, 10))
    assert isinstance(answer, Answer)
    assert answer.reply.refresh is not None
    assert (answer.reply.refresh.expires, answer.reply.refresh.ttl) == (True, 10)


@pytest.mark.parametrize(
    ("outcome", "close"),
    [
        (SignedIn(BOB, 10), protocol.INVALID_TOKEN),
        (Unauthenticated("token_invalid"), protocol.INVALID_TOKEN),
        (Unauthenticated("token_expired"), protocol.EXPIRED),
    ],
)
def test_a_refresh_that_ends_it(outcome: SignedIn | Exception, close: Close) -> None:
    _, effects = refreshing(outcome)
    assert effects == [Cut(close)]


def test_an_expelled_client_is_told_and_may_come_back(session: Session) -> None:
    subscribed(session)
    (answer,) = session.expel("c", protocol.INSUFFICIENT_STATE)
    assert isinstance(answer, Answer)
    assert answer.reply.push is not None
    assert answer.reply.push.unsubscribe == protocol.INSUFFICIENT_STATE
    assert session.expel("c", protocol.INSUFFICIENT_STATE) == []
    (work,) = say(session, '{"id":9,"subscribe":{"channel":"c"}}')
    assert isinstance(work, Join)


def test_what_ends_after_the_connection_says_nothing(session: Session) -> None:
    (work,) = say(session, '{"id":4,"publish":{"channel":"c"}}')
    assert isinstance(work, Publish)
    session.end()
    assert session.finish(work, Committed(), now=100.0) == []
