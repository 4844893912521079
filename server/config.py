"""Every setting, read once at the roof from the environment and `.env`. Below it a function receives what it needs."""

from __future__ import annotations

import re
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from server.address import addresses

VERSION = "0.1.0"
SECRET_MIN_LENGTH = 32
TELEGRAM_API = "https://api.telegram.org"
FAKE_TOKEN = "4711:the-token-of-the-fake"  # noqa: S105  nobody's secret
DEFAULT_SECRETS = frozenset({"your-secret-key", "change-me", "changeme", "secret"})

_MODEL = re.compile(r"(?P<name>[^\s,]+)@(?P<url>https?://[^\s,@]+)")
_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{32,88}={0,2}")


class Misconfigured(Exception):
    """A setting is missing or cannot be used; the text says which one and what to set."""


class Settings(BaseSettings):
    """Names are the environment's, in capitals there; `.env.example` explains each."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

    data_dir: Path = Path(".parley")
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    processes: int = Field(1, ge=1, le=64)
    database_url: str = ""
    redis_url: str = ""
    secret_key: SecretStr = SecretStr("")
    public_url: str = ""
    allowed_origins: list[str] = []
    access_token_seconds: int = Field(900, ge=60, le=86_400)
    refresh_token_seconds: int = Field(30 * 86_400, ge=3600)
    database_connections: int = Field(8, ge=2, le=100)
    request_bytes: int = Field(262_144, ge=16_384)
    file_bytes: int = Field(10_000_000, ge=1, le=50_000_000)
    message_characters: int = Field(4096, ge=1, le=65_536)
    sockets: int = Field(20_000, ge=1)
    sockets_per_user: int = Field(100, ge=1)
    commands_per_second: float = Field(200.0, gt=0)
    drain_seconds: float = Field(5.0, ge=0, le=300)
    message_days: float = Field(0.0, ge=0, le=36_500)
    revision_days: float = Field(0.0, ge=0, le=36_500)
    key_days: float = Field(30.0, ge=2, le=36_500)
    guest_days: float = Field(30.0, ge=0, le=36_500)
    login_attempts_per_minute: int = Field(10, ge=1)
    webhook_url: str = ""
    webhook_secrets: SecretStr = SecretStr("")
    webhook_events: str = "*"
    webhook_allow_private: str = ""
    webhook_retry_seconds: float = Field(5.0, gt=0, le=3600)
    webhook_give_up_seconds: float = Field(86_400.0, gt=0)
    webhook_retention_days: float = Field(30.0, gt=0)
    log_level: str = Field("INFO", pattern="^(?i:debug|info|warning|error|critical)$")
    log_format: str = Field("auto", pattern="^(auto|json|console)$")
    assistant: str = Field("knowledge", pattern="^(knowledge|llm|none)$")
    assistant_seconds: float = Field(20.0, gt=0, le=45)
    campaign_operator_limit: int = Field(1000, ge=0)
    campaign_cap: int = Field(0, ge=0)
    campaign_cap_hours: float = Field(168.0, gt=0, le=8760)
    llm_models: str = ""
    llm_keys: SecretStr = SecretStr("")
    llm_seconds: float = Field(8.0, gt=0, le=45)
    llm_answer_tokens: int = Field(500, ge=50, le=10_000)
    llm_thread_tokens: int = Field(50_000, ge=0)
    llm_daily_tokens: int = Field(0, ge=0)
    telegram: str = Field("", pattern="^(polling|webhook|fake)?$")
    telegram_token: SecretStr = SecretStr("")
    telegram_api: str = TELEGRAM_API
    telegram_per_second: int = Field(25, ge=1, le=1000)

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """The signing secrets, the first of which signs; raises Misconfigured when one is missing, default or short."""
        keys = tuple(key.strip() for key in self.secret_key.get_secret_value().split(",") if key.strip())
        if not keys:
            raise Misconfigured("SECRET_KEY is not set: give it 32 or more random characters (`openssl rand -hex 32`)")
        for key in keys:
            if key.lower() in DEFAULT_SECRETS or len(key) < SECRET_MIN_LENGTH:
                raise Misconfigured(
                    "SECRET_KEY is a default or shorter than 32 characters: make one with `openssl rand -hex 32`"
                )
        return keys

    @cached_property
    def webhook_networks(self) -> tuple[str, ...]:
        """The networks that events may be sent to besides the open internet."""
        found = _words(self.webhook_allow_private)
        for word in found:
            try:
                ip_network(word)
            except ValueError as error:
                raise Misconfigured(f"WEBHOOK_ALLOW_PRIVATE: {error}; write networks as in 10.1.0.0/16") from error
        return found

    @cached_property
    def webhook_keys(self) -> tuple[str, ...]:
        """The secrets of the endpoint of the settings; raises Misconfigured when it has none."""
        keys = _words(self.webhook_secrets.get_secret_value())
        if self.webhook_url and not (keys and all(_SECRET.fullmatch(key) for key in keys)):
            raise Misconfigured(
                'WEBHOOK_URL needs WEBHOOK_SECRETS, `whsec_` and base64: echo "whsec_$(openssl rand -base64 32)"'
            )
        return keys

    @cached_property
    def webhook_kinds(self) -> tuple[str, ...]:
        """The kinds of event that the endpoint of the settings receives."""
        return _words(self.webhook_events)

    @cached_property
    def language_models(self) -> tuple[tuple[str, str, str], ...]:
        """Name, address and key of each language model, in the order in which they are asked."""
        found = [_MODEL.fullmatch(word) for word in _words(self.llm_models)]
        if None in found:
            raise Misconfigured(
                "LLM_MODELS: write each as a model at an address, as in qwen3@http://127.0.0.1:11434/v1"
            )
        keys = [key.strip() for key in self.llm_keys.get_secret_value().split(",")]
        if len(keys) > max(1, len(found)):
            raise Misconfigured("LLM_KEYS has more keys than LLM_MODELS has models: give them in the same order")
        if self.assistant == "llm" and not found:
            raise Misconfigured("ASSISTANT=llm needs LLM_MODELS, as in qwen3@http://127.0.0.1:11434/v1")
        padded = keys + [""] * len(found)
        return tuple((each["name"], each["url"], key) for each, key in zip(found, padded, strict=False) if each)

    @cached_property
    def bot_token(self) -> str:
        """The token of the Telegram bot; empty when there is none. Made up where Telegram is."""
        if self.telegram == "fake":
            if self.telegram_api == TELEGRAM_API:
                raise Misconfigured(
                    "TELEGRAM=fake is for `parley up`, which starts one; else name it with TELEGRAM_API"
                )
            return FAKE_TOKEN
        token = self.telegram_token.get_secret_value()
        if token and not re.fullmatch(r"[0-9]{1,18}:[A-Za-z0-9_-]+", token):
            raise Misconfigured("TELEGRAM_TOKEN is no bot's token: it looks like 123456:ABC-DEF, ask @BotFather for it")
        return token

    @cached_property
    def database(self) -> str:
        """The URL of PostgreSQL in the plain `postgresql://` form, whatever driver suffix was given."""
        if not self.database_url:
            raise Misconfigured("DATABASE_URL is not set: name a PostgreSQL, or use `parley up` to start a private one")
        parts = urlsplit(self.database_url)
        if parts.scheme.split("+")[0] not in ("postgresql", "postgres"):
            raise Misconfigured(f"DATABASE_URL starts with {parts.scheme}://; Parley needs postgresql://")
        return urlunsplit(parts._replace(scheme="postgresql"))

    @cached_property
    def redis(self) -> str:
        """The URL of Redis or Valkey, or of a cluster of them."""
        if not self.redis_url:
            raise Misconfigured(
                "REDIS_URL is not set: name a Redis or Valkey, or use `parley up` to start a private one"
            )
        try:
            addresses(self.redis_url)
        except ValueError:  # its text may hold a piece of the password
            raise Misconfigured(
                "REDIS_URL has to start with redis://, rediss:// or unix://, or, for a cluster with database 0 alone, "
                "redis+cluster:// or rediss+cluster:// (redis+cluster://one.example.com:6379,two.example.com:6379)"
            ) from None
        return self.redis_url


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
