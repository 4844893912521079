"""Events leave for the open internet, and for whatever the settings allow: nothing else, however it is written."""

from __future__ import annotations

import pytest

from server.hooks.targets import Reach, Refused, networks

INSIDE = [
    "127.0.0.1",
    "127.8.9.1",
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_inner_address_is_refused(address: str) -> None:
    with pytest.raises(Refused, match="open internet"):
        Reach().check(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_an_outer_address_is_good(address: str) -> None:
    Reach().check(address)


def test_the_settings_allow_a_network_and_no_more() -> None:
    reach = Reach(networks(["10.1.0.0/16"]))
    reach.check("10.1.2.3")
    reach.check("::ffff:10.1.2.3")
    with pytest.raises(Refused):
        reach.check("10.2.0.1")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "https:///path",
        "example.com",
        "https://user:word@example.com/",
        "https://example.com:port/",
        "https://exa mple.com/",
        "https://example.com/\r\nhost: other",
        "http://127.0.0.1/",
        "http://[::1]:8000/",
        "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[bad/",
    ],
)
def test_such_a_url_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        Reach().check_url(url)


def test_a_name_is_checked_when_it_is_resolved() -> None:
    Reach().check_url("https://example.com:8443/hooks?a=b")
