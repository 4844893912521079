"""Which web pages may open a socket here. Knows addresses as browsers send them, and no settings."""

from __future__ import annotations

from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def may_open(origin: str, host: str, allowed: frozenset[str]) -> bool:
    """Whether a page from `origin` may: it is an allowed one, or it came from the very address (`Host`) it now asks.

    A proxy that ends TLS hides the scheme, so only the host and its port are compared.
    """
    if origin in allowed:
        return True
    scheme, _, authority = origin.partition("://")
    if not authority or scheme not in DEFAULT_PORTS:
        return False
    port = DEFAULT_PORTS[scheme]
    return authority == host or authority == host.lower().removesuffix(port)


def origin_of(url: str) -> str:
    """The origin of the pages below this URL as a browser names it: no path, no default port, small letters."""
    parts = urlsplit(url.strip().lower())
    if not parts.netloc:
        return url.strip()
    return f"{parts.scheme}://{parts.netloc.removesuffix(DEFAULT_PORTS.get(parts.scheme, ''))}"
