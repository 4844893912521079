"""Where events may be sent: decides about addresses and URLs. Asks no name server itself."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")


class Refused(Exception):
    """An address or URL that events may not be sent to; the text says why."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Addresses of the open internet, and the networks that the settings allow besides."""

    allowed: tuple[Network, ...] = ()

    def check(self, address: str) -> None:
        """Raises Refused for an address that is private, loopback, link-local, multicast or reserved."""
        found = _inner(ipaddress.ip_address(address.partition("%")[0]))
        if any(found in network for network in self.allowed if network.version == found.version):
            return
        if not found.is_global or found.is_multicast:
            raise Refused(
                f"{address} is no address of the open internet; WEBHOOK_ALLOW_PRIVATE would allow its network"
            )

    def check_url(self, url: str) -> None:
        """Raises Refused for a URL that is not plain http or https, and for a forbidden address written out in it."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise Refused(f"this is no URL: {error}") from error
        if parts.scheme not in ("http", "https") or not host:
            raise Refused("write a URL with http:// or https:// and a host")
        if "@" in parts.netloc:
            raise Refused("leave user and password out of the URL; events are signed")
        if any(letter <= " " or letter == "\x7f" for letter in url):
            raise Refused("a URL has no blanks")
        try:
            literal = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return  # a name: each of its addresses is checked at every connection
        self.check(str(literal))


def networks(words: Sequence[str]) -> tuple[Network, ...]:
    """The networks of a setting; raises ValueError."""
    return tuple(ipaddress.ip_network(word) for word in words)


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one only carries."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
