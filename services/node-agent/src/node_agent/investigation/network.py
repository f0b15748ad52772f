"""A target that does not answer: is its name known, is its port open, until when is its certificate good?"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import Any

from mesh_core.incidents.event_types import EventType
from mesh_core.models.records import is_name
from node_agent.investigation.name_cache import name_cache
from node_agent.investigation.question import Question
from node_agent.protocols.certificate import read_certificate
from node_agent.protocols.connection import Endpoint, connect, shown_by
from node_agent.protocols.http_address import parse_address

PROBE_EVENTS = frozenset({EventType.HTTP_PROBE_FAILED, EventType.TCP_PROBE_FAILED})


def fits(question: Question) -> bool:
    return question.type in PROBE_EVENTS and endpoint_of(question) is not None


def endpoint_of(question: Question) -> Endpoint | None:
    """Where the probe knocked, out of its own facts; of TLS only what is shown counts, not whether it holds."""
    url, address = question.facts.get("url"), question.facts.get("address")
    with contextlib.suppress(ValueError):
        if isinstance(url, str):
            target = parse_address(url)
            return Endpoint(target.unix, target.host, target.port, target.tls, verify_tls=False)
        if isinstance(address, str):
            host, _, port = address.rpartition(":")
            return Endpoint(host=host, port=int(port))
    return None


def look(question: Question) -> dict[str, Any]:
    endpoint = endpoint_of(question)
    facts: dict[str, Any] = {}
    if endpoint is not None:
        with contextlib.suppress(TimeoutError):  # what was found by then is what there is
            question.answered(_look(endpoint, facts))
        if facts.get("name_resolves") is False and is_name(endpoint.host):
            facts["host"] = endpoint.host
            if question.host_files and (cache := name_cache()):
                facts["name_cache"] = cache
    return facts


async def _look(endpoint: Endpoint, facts: dict[str, Any]) -> None:
    """No is also the answer where nobody says anything until the time is over."""
    if not endpoint.unix:
        facts["name_resolves"] = False
        try:
            await asyncio.get_running_loop().getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        facts["name_resolves"] = True
    facts["port_open"] = False
    _, writer = await _opened(Endpoint(endpoint.unix, endpoint.host, endpoint.port))
    if writer is None:
        return
    writer.transport.abort()
    facts["port_open"] = True
    if endpoint.tls:
        _, writer = await _opened(endpoint)
        if writer is None:
            return
        certificate = shown_by(writer)
        writer.transport.abort()
        if certificate:
            facts["certificate_days_left"] = int((read_certificate(certificate).ends_at - time.time()) // 86400)


async def _opened(endpoint: Endpoint) -> tuple[Any, asyncio.StreamWriter | None]:
    try:
        return await connect(endpoint)
    except OSError as error:
        if isinstance(error, TimeoutError):
            raise
        return None, None
