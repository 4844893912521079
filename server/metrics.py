"""The counters of one process, in the form Prometheus reads."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

registry = CollectorRegistry()

requests = Counter("parley_requests_total", "REST requests answered.", ["method", "route", "status"], registry=registry)
request_seconds = Histogram("parley_request_seconds", "Time to answer a REST request.", registry=registry)
posts = Counter("parley_posts_total", "Messages committed by the journal.", registry=registry)
flushes = Counter("parley_journal_flushes_total", "Transactions of the journal.", registry=registry)
refused_posts = Counter("parley_posts_refused_total", "Posts that failed alone.", registry=registry)
sockets = Gauge("parley_sockets", "Open sockets on this process.", registry=registry)
deliveries = Counter("parley_deliveries_total", "Frames written to sockets.", registry=registry)
bus_up = Gauge("parley_bus_up", "1 while this process hears the bus.", registry=registry)
gaps = Counter("parley_gaps_filled_total", "Holes in a channel that were read from PostgreSQL.", registry=registry)
hook_attempts = Counter("parley_hook_attempts_total", "Events sent to endpoints.", ["outcome"], registry=registry)
hooks_suspended = Counter("parley_hooks_suspended_total", "Endpoints suspended after a day.", registry=registry)

tasks_waiting = Gauge("parley_tasks_waiting", "Tasks that wait for a worker or are at work.", registry=registry)
tasks_set_aside = Gauge("parley_tasks_set_aside", "Tasks set aside after five failures.", registry=registry)
tasks_dropped = Counter("parley_tasks_dropped_total", "Tasks not sent; a sweep says them again.", registry=registry)
dead_updates = Counter("parley_dead_updates_total", "Telegram updates set aside after some tries.", registry=registry)
relays = Counter("parley_relays_total", "Messages that went out, by how it ended.", ["status"], registry=registry)

campaign_deliveries = Counter(
    "parley_campaign_deliveries_total", "Deliveries of campaigns, by how they ended.", ["state"], registry=registry
)
campaign_recipients = Gauge(
    "parley_campaign_recipients",
    "Deliveries of the runs that are not over, by their state.",
    ["state"],
    registry=registry,
)


def render() -> bytes:
    """All of it, in the Prometheus text format."""
    return generate_latest(registry)
