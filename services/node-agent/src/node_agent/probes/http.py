"""One HTTP target: does it answer as it should, in time? One GET per look, no redirects, no cookies."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from node_agent.evidence import clean_text
from node_agent.findings import About, Condition, Finding, Rule
from node_agent.http_line import HttpBroken, address_for, ask

BODY_LIMIT = 64 * 1024


class HttpProbe:
    """`service` and `runtime` are those of what stands behind it, if the watchlist names that."""

    def __init__(
        self,
        target: str,
        url: str,
        *,
        every_seconds: float = 10.0,
        timeout_seconds: float = 5.0,
        looks: int = 2,
        expect_status: tuple[int, ...] = (),
        expect_text: str = "",
        verify_tls: bool = True,
        service: str | None = None,
        runtime: str | None = None,
        about: About | None = None,
    ):
        self.name = f"http/{target}"
        self.every_seconds = every_seconds
        self._address = address_for(url, verify_tls=verify_tls)
        self._timeout = timeout_seconds
        self._rule = Rule(sick_looks=looks, well_looks=2, again_seconds=min(1.0, every_seconds))
        self._expect_status = expect_status
        self._expect_text = expect_text
        self._service = service or target
        self._about = about
        self._facts: dict[str, Any] = {"probe": {"kind": "http", "name": target}, "url": _without_secrets(url)}
        if runtime:
            self._facts["runtime"] = runtime

    async def look(self, only: frozenset[str] | None) -> list[Finding]:
        started = time.monotonic()
        facts = dict(self._facts)
        try:
            answer = await ask(self._address, self._address.path, seconds=self._timeout, limit=BODY_LIMIT)
        except HttpBroken as error:
            facts["error"] = str(error)
        else:
            facts["http_status"] = answer.status
            facts["error"] = self._complaint(answer.status, answer.body)
            if facts["error"]:
                facts["body"] = clean_text(answer.body[:2000].decode("utf-8", "replace"), 500)
        facts["latency_ms"] = round(1000 * (time.monotonic() - started), 1)
        sick = bool(facts["error"])
        if not sick:
            del facts["error"]
        condition = Condition.SICK if sick else Condition.WELL
        return [Finding(f"{self.name}:", self._service, condition, self._rule, "http_probe_failed", facts=facts)]

    async def evidence(self, finding: Finding) -> dict[str, Any]:
        """What the probe of its runtime knows of what stands behind this target."""
        return await self._about(self._service) if self._about else {}

    def _complaint(self, status: int, body: bytes) -> str:
        good = status in self._expect_status if self._expect_status else 200 <= status < 400
        if not good:
            return f"it answered {status}"
        if self._expect_text and self._expect_text.encode() not in body:
            return "the expected text is not in its answer"
        return ""


def _without_secrets(url: str) -> str:
    """User, password and query stay at home."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return urlunsplit((parts.scheme, host + (f":{parts.port}" if parts.port else ""), parts.path, "", ""))
