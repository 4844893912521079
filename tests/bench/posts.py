"""The journal beside one SQLAlchemy transaction a message: the same tables, indexes, rows and durability."""

from __future__ import annotations

from collections.abc import Sequence

from server.chat.journal import Journal
from tests.bench.crowd import Cell, Crowd, middle
from tests.bench.ground import Ground, ground
from tests.bench.report import Demand, Result, median, table
from tests.bench.rivals import Post, core, core_tuned, orm, pool

ALONE, HEADLINE = Crowd(1, 1), Crowd(200, 10)
CROWDS = [Crowd(people, threads) for people in (1, 50, 200, 500) for threads in (1, 10, 100) if threads <= people]
ROUNDS = 3
HEADLINE_TURNS = 2  # in each round: the headline deserves more than the rest
JOURNAL_SECONDS, RIVAL_SECONDS = 1.0, 1.2

TIMES_CORE = 20.0
POSTGRES_US = 25.0
P99_MS = 12.0

Found = dict[tuple[str, Crowd], list[Cell]]


async def measure() -> Result:
    """All crowds in turns, several rounds, so that no way has the machine's good minutes for itself."""
    found: Found = {}
    async with ground() as here:
        engine = pool(here.database_url)
        journal = Journal(here.database_url, lambda _: None)
        await journal.open()
        try:
            for number in range(ROUNDS):
                for crowd in CROWDS:
                    for turn in range(HEADLINE_TURNS if crowd == HEADLINE else 1):
                        ways: dict[str, Post] = {"journal": journal.post, "core": core(engine)}
                        if crowd == HEADLINE and turn == 0:
                            ways |= {"core, tuned": core_tuned(engine), "orm": orm(engine)}
                        await _turn(here, crowd, ways, found, forward=(number + turn) % 2 == 0)
        finally:
            await journal.close()
            await engine.dispose()
    return _result(found)


async def _turn(here: Ground, crowd: Crowd, ways: dict[str, Post], found: Found, *, forward: bool) -> None:
    for name in ways if forward else reversed(ways):
        seconds = JOURNAL_SECONDS if name == "journal" else RIVAL_SECONDS
        found.setdefault((name, crowd), []).append(await crowd.measure(here, ways[name], seconds))


def _times(journal: Sequence[Cell], other: Sequence[Cell]) -> float:
    """Posts per second over those of the neighbour in time: what the machine did to one it did to the other."""
    return median([ours.per_second / theirs.per_second for ours, theirs in zip(journal, other, strict=True)])


def _over_tuned(found: Found) -> float:
    journal = found["journal", HEADLINE][::HEADLINE_TURNS]  # the neighbours of those that run once a round
    return _times(journal, found["core, tuned", HEADLINE])


def _result(found: Found) -> Result:
    cells = {key: middle(rounds) for key, rounds in found.items()}
    shown = sorted(cells.items(), key=lambda pair: CROWDS.index(pair[0][1]))  # stable: ways stay in their order
    rows = [
        (crowd.posters, crowd.threads, name, c.per_second, c.python_us, c.postgres_us, c.p50_ms, c.p99_ms, c.crowding)
        for (name, crowd), c in shown
    ]
    head = ["posters", "threads", "way", "posts/s", "python µs", "postgres µs", "p50 ms", "p99 ms", "queued %"]
    ours, theirs = cells["journal", HEADLINE], cells["core", HEADLINE]
    ratio = _times(found["journal", HEADLINE], found["core", HEADLINE])
    alone = _times(found["journal", ALONE], found["core", ALONE])
    figures = {
        "journal_posts_per_second": ours.per_second,
        "core_posts_per_second": theirs.per_second,
        "journal_to_tuned_core": _over_tuned(found),
        "orm_posts_per_second": cells["orm", HEADLINE].per_second,
        "journal_python_us": ours.python_us,
        "core_python_us": theirs.python_us,
        "journal_postgres_us": ours.postgres_us,
        "core_postgres_us": theirs.postgres_us,
        "journal_p50_ms": ours.p50_ms,
        "journal_p99_ms": ours.p99_ms,
        "core_p99_ms": theirs.p99_ms,
        "alone_journal_to_core": alone,
        "queued_percent": ours.crowding,
    }
    demands = [
        Demand(f"at least {TIMES_CORE:.0f} times Core's posts a second", f"{ratio:.1f} times", ratio >= TIMES_CORE),
        Demand(
            f"at most {POSTGRES_US:.0f} µs of PostgreSQL CPU a post",
            f"{ours.postgres_us:.1f} µs",
            ours.postgres_us <= POSTGRES_US,
        ),
        Demand(f"99 of 100 acknowledged within {P99_MS:.0f} ms", f"{ours.p99_ms:.1f} ms", ours.p99_ms < P99_MS),
        Demand("a single poster is no slower than with Core", f"{alone:.2f} times", alone >= 1.0),
    ]
    what = "posts per second, journal ÷ one Core transaction a message, 200 posters over 10 threads"
    return Result(table(head, rows), what, ratio, figures, demands)
