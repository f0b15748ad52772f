"""The observer's settings. Read in `__main__` only."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from mesh_core.runtime.addresses import OFF, Address, address_for
from mesh_core.runtime.services import OBSERVER, SERVICES
from mesh_core.runtime.settings import MANY_LINES, MeshSettings
from observer.archive.retention import RetentionPolicy
from observer.auth.credentials import read_tokens
from observer.auth.request_origin import read_networks


def _listen(text: str) -> str:
    if text != OFF and ":" not in text:
        raise ValueError("wants HOST:PORT, such as 127.0.0.1:8686, or off")
    address_for(text, SERVICES[OBSERVER].port)
    return text


def _tokens(given: SecretStr | None) -> SecretStr | None:
    read_tokens(given.get_secret_value() if given else "")
    return given


def _proxies(text: str) -> str:
    read_networks(text)
    return text


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
        raise ValueError("wants the address of the page, such as https://mesh.example.org")
    if parts.username or parts.password:
        raise ValueError("wants no user and no password in it: it goes into messages")
    return text


class ObserverSettings(MeshSettings):
    """MeshSettings, where the page is and who may come in, how long a node may say nothing, how long events stay."""

    listen: Annotated[str, AfterValidator(_listen)] = Field(
        "127.0.0.1:8686",
        alias="OBSERVER_LISTEN",
        description="where the dashboard and its API are: HOST:PORT; `off` for none",
    )
    tokens: Annotated[SecretStr | None, AfterValidator(_tokens)] = Field(
        None,
        alias="OBSERVER_TOKENS",
        description="NAME:ROLE:TOKEN, several separated by blanks; role viewer or operator (or use `mend users token`)",
        json_schema_extra=MANY_LINES,
    )
    hosts: str = Field(
        "",
        alias="OBSERVER_HOSTS",
        max_length=4000,
        description="more names that the page is asked for, such as mend.example.org; this host's own name and every "
        "address always are",
    )
    trusted_proxies: Annotated[str, AfterValidator(_proxies)] = Field(
        "",
        alias="OBSERVER_TRUSTED_PROXIES",
        max_length=4000,
        description="addresses or networks of reverse proxies whose X-Forwarded-For and -Proto are believed",
    )
    session_seconds: float = Field(
        7 * 86400,
        alias="OBSERVER_SESSION_SECONDS",
        ge=60,
        le=90 * 86400,
        description="a sign-in ends after this, however busy",
    )
    session_idle_seconds: float = Field(
        12 * 3600,
        alias="OBSERVER_IDLE_SECONDS",
        ge=60,
        le=90 * 86400,
        description="a sign-in that nobody uses ends after this",
    )

    public_url: Annotated[str, AfterValidator(_web_address)] = Field(
        "",
        alias="OBSERVER_PUBLIC_URL",
        description="where people open the dashboard, for links in notifications; the page answers to its name, too",
    )

    hooks_token: SecretStr | None = Field(
        None, alias="HOOKS_TOKEN", description="what senders of alerts show at /hooks: Authorization: Bearer TOKEN"
    )
    hooks_secret: SecretStr | None = Field(
        None, alias="HOOKS_SECRET", description="what they sign with instead: HMAC-SHA256 over time and body"
    )
    hooks_per_minute: int = Field(
        120, alias="HOOKS_PER_MINUTE", ge=1, le=100_000, description="requests at one hook from one address"
    )

    node_silent_seconds: float = Field(
        180,
        alias="NODE_SILENT_SECONDS",
        ge=60,  # two beats: with less, one late sign would be a node that is offline
        le=86400,
        allow_inf_nan=False,
        description="a node whose agent gave no sign of life for this long is offline; "
        "its sign comes every 30 s, so at least 60",
    )

    events_keep_days: int = Field(
        365,
        alias="EVENTS_KEEP_DAYS",
        ge=1,
        le=36500,
        description="events older than so many days are removed; those older than a week are compressed",
    )
    events_max_gib: float = Field(
        0,
        alias="EVENTS_MAX_GIB",
        ge=0,
        le=1_000_000,
        allow_inf_nan=False,
        description="most that events/ may take: beyond it the oldest days go, never the last seven; 0: no such limit",
    )
    events_free_percent: float = Field(
        5,
        alias="EVENTS_FREE_PERCENT",
        ge=0,
        le=90,
        allow_inf_nan=False,
        description="with less of the disk free the oldest days of events go, never the last seven; 0: they do not",
    )

    @property
    def event_retention(self) -> RetentionPolicy:
        """How long events stay."""
        return RetentionPolicy(self.events_keep_days, int(self.events_max_gib * 1024**3), self.events_free_percent)

    @property
    def public_host(self) -> str:
        """The name in `public_url`, by which the page is asked for; '' without one."""
        return urlsplit(self.public_url).hostname or ""

    @property
    def address(self) -> Address | None:
        """Where to listen; None for nowhere."""
        return address_for(self.listen, SERVICES[OBSERVER].port)

    @property
    def only_from_here(self) -> bool:
        """Can only this machine reach the page?"""
        return self.address is None or self.address.loopback
