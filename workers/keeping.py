"""Who removes what is old, and what belonged to people who were erased."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from server.auth.erasure import go_on
from server.auth.retention import forget_keys
from server.bot import visitors
from server.chat.erasure import Eraser
from server.chat.retention import forget_files, forget_guests, forget_messages, forget_revisions
from server.chat.tasks import EraseData, ForgetOld
from workers.duty import Duty
from workers.office import Office
from workers.round import Round

EVERY_SECONDS = 60.0


def duties(office: Office) -> list[Duty]:
    """What the settings say of how long things are kept, and what people said of themselves."""
    settings = office.settings

    async def forget() -> AsyncGenerator[int, None]:
        for work in (
            forget_messages(office.database, settings.message_days),
            forget_revisions(office.database, settings.revision_days),
            forget_keys(office.database, settings.key_days),
            forget_guests(office.database, settings.guest_days),
            visitors.forget(office.database),
            forget_files(office.database),
        ):
            async for count in work:
                yield count

    # Every room that holds something of a person is named here; a new one joins with its `erase`.
    rooms = (Eraser(office.database, office.announcer).erase, visitors.eraser(office.database))
    old = Round(forget, EVERY_SECONDS)
    erasing = Round(lambda: go_on(office.database, rooms), every_seconds=0.0)
    return [Duty(ForgetOld, old.sweep, sweep=old.sweep), Duty(EraseData, erasing.sweep, sweep=erasing.sweep)]
