"""Where Redis is, as its URL says."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from server.address import Address, addresses
from server.config import Misconfigured, Settings


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://r", Address("r", 6379, "", False, (), 0)),
        ("redis://r:7000/3", Address("r", 7000, "", False, (), 3)),
        ("redis://r/?db=4", Address("r", 6379, "", False, (), 4)),
        ("rediss://:p%40ss@r", Address("r", 6379, "", True, ("default", "p@ss"), 0)),
        ("redis://u:p@r", Address("r", 6379, "", False, ("u", "p"), 0)),
        ("unix:///tmp/a%20b.sock?db=2", Address("127.0.0.1", 6379, "/tmp/a b.sock", False, (), 2)),
    ],
)
def test_urls(url: str, address: Address) -> None:
    assert Address.of(url) == address


def test_strange_urls_are_refused() -> None:
    with pytest.raises(ValueError, match="not a Redis URL: http"):
        Address.of("http://somewhere")


def test_a_cluster_is_known_by_some_of_its_servers() -> None:
    login = ("u", "p,@")
    one, two = Address("r", 7000, "", True, login, 0), Address("::1", 6379, "", True, login, 0)
    assert addresses("rediss+cluster://u:p%2C%40@r:7000,[::1]") == (one, two)
    assert addresses("redis://r") == (Address("r", 6379, "", False, (), 0),)


@pytest.mark.parametrize(
    "url", ["http://r", "redis://r:port", "redis://:pa/ss@r", "redis+cluster://r/1", "redis+cluster://r,s:x"]
)
def test_a_setting_that_names_no_redis_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(Misconfigured, match="REDIS_URL has to start with") as refused:
        _ = Settings(redis_url=url, secret_key=SecretStr("x" * 32)).redis
    assert "pa" not in str(refused.value).replace("example", "")
