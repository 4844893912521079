"""How often one may try to sign in or register, per network address and e-mail. Knows neither people nor requests."""

from __future__ import annotations

import hashlib
import ipaddress

from server.errors import Limited
from server.pacing.limiter import Limiter
from server.pacing.pace import Rate

MINUTE = 60.0
ADDRESS_SHARE = 5  # behind one network address there may be a whole office


class Attempts:
    """Counts in all processes together; raises Limited with the time to wait. Every attempt counts, good or bad."""

    def __init__(self, limiter: Limiter, per_minute: int) -> None:
        self._limiter = limiter
        self._each = Rate(per_minute, MINUTE, per_minute)
        self._address = Rate(per_minute * ADDRESS_SHARE, MINUTE, per_minute * ADDRESS_SHARE)

    async def sign_in(self, host: str, email: str) -> None:
        """Someone tries a password, or to register: what is wrong with it makes no difference here."""
        await self._count({f"address:{_network(host)}": self._address, f"email:{_hidden(email)}": self._each})

    async def visit(self, host: str) -> None:
        """Someone comes in as a guest."""
        await self._count({f"visit:{_network(host)}": self._address})

    async def _count(self, rates: dict[str, Rate]) -> None:
        booked = await self._limiter.reserve(rates)
        if not booked.granted:
            raise Limited(
                "too_many_attempts", "too many attempts; wait before the next", retry_after=booked.wait_seconds
            )


def _network(host: str) -> str:
    """Whoever has one IPv6 address has 2^64 of them."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.IPv6Network((int(address), 64), strict=False).network_address)


def _hidden(email: str) -> str:
    """E-mail addresses are nobody's business in Redis, and have no bound there."""
    return hashlib.sha256(email.encode()).hexdigest()[:32]
