"""One HTTP target: does it answer as it should, in time? One GET per check, no redirects, no cookies."""

from __future__ import annotations

import re
import time
from typing import Any

from pydantic import Field, field_validator

from mesh_core.models.foreign_text import text_of, unpacked
from mesh_core.models.strict_json import Refusal
from node_agent.checks.check_result import CheckResult
from node_agent.checks.evidence import clean_text
from node_agent.options import Positive
from node_agent.probe_base.probe import Describe, ProbeContext
from node_agent.probe_base.target_probe import TargetOptions, TargetProbe
from node_agent.protocols.http_address import parse_address, without_login
from node_agent.protocols.http_client import HttpConnectionError, HttpResponse, request

BODY_LIMIT = 64 * 1024
UNPACKED_LIMIT = 1024 * 1024
# Where a page itself says it, whose server does not: `<meta charset=...>`, `<?xml ... encoding="..."?>`.
_SAYS_CHARSET = re.compile(rb"""<[^>]{0,200}(?:charset|encoding)\s{0,5}=\s{0,5}["']?([\w.:-]{1,40})""", re.IGNORECASE)


class HttpOptions(TargetOptions):
    """`expect_status`: empty means any from 200 to 399. A login in the URL is sent, and shown nowhere."""

    url: str = Field(repr=False)
    timeout_seconds: Positive = 5
    expect_status: tuple[int, ...] = ()
    expect_text: str = ""

    @field_validator("url")
    @classmethod
    def _checked_url(cls, url: str) -> str:
        parse_address(url)
        return url

    def create(self, context: ProbeContext) -> HttpProbe:
        return HttpProbe(self, context.describe)


class HttpProbe(TargetProbe):
    kind = "http"

    def __init__(self, options: HttpOptions, describe: Describe | None = None):
        self._address = parse_address(options.url, verify_tls=options.verify_tls)
        super().__init__(options, self._address, {"url": without_login(options.url)}, describe)
        self._expect_status = options.expect_status
        self._expect_text = options.expect_text

    async def check(self, only: frozenset[str] | None) -> list[CheckResult]:
        started = time.monotonic()
        facts: dict[str, Any] = {}
        cause, certificate = None, b""
        try:
            response = await request(self._address, self._address.path, seconds=self._timeout, limit=BODY_LIMIT)
        except HttpConnectionError as failure:
            error, cause = str(failure), failure.__cause__
        else:
            certificate = response.certificate
            facts["http_status"] = response.status
            text = _text_of_page(response)
            error = self._complaint(response.status, text)
            if error:
                facts["body"] = clean_text(text[:2000], 500)
        facts["latency_ms"] = round(1000 * (time.monotonic() - started), 1)
        return await self._results(error, cause, certificate, **facts)

    def _complaint(self, status: int, text: str) -> str:
        good = status in self._expect_status if self._expect_status else 200 <= status < 400
        if not good:
            return f"it answered {status}"
        return "" if self._expect_text in text else "the expected text is not in its answer"


def _text_of_page(response: HttpResponse) -> str:
    """In the encoding that its server says, else in the one that it says itself; unpacked, though nobody asked."""
    plain = unpacked(response.body, response.packing, max_bytes=UNPACKED_LIMIT)
    body = response.body if isinstance(plain, Refusal) else plain
    media = response.content_type
    if "charset" not in media.lower() and (said := _SAYS_CHARSET.search(body[:2048])):
        media = f"{media}; charset={said[1].decode('latin-1')}"
    return text_of(body, media)
