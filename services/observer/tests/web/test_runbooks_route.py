"""Runbooks over HTTP: found by a name or by words, a person's own first, what cannot be used beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from index_rig import shelf_in

from mesh_core.messaging.bus import Bus
from observer.web.app import make_app
from observer.web.app_context import AppContext
from observer.web.sse import SseBroadcaster
from observer.world import World

NO_REDIS = "redis://127.0.0.1:1/0"


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    bus = Bus.connect(NO_REDIS, "test")
    context = AppContext(tmp_path, shelf_in(tmp_path).actions, bus, World, SseBroadcaster(NO_REDIS, "test"))
    transport = httpx.ASGITransport(make_app(context), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8686/api/v1") as client:
        yield client
    await bus.close()


async def test_a_name_or_words_find_runbooks_and_a_persons_own_first(http: httpx.AsyncClient, tmp_path: Path) -> None:
    folder = tmp_path / "config" / "runbooks"
    folder.mkdir(parents=True)
    (folder / "photos.md").write_text("---\nalerts: [disk_space_low]\n---\n# The disk of the photos\n")
    (folder / "bad.md").write_text("---\nalert: [x]\n---\n")
    told = (await http.get("/runbooks", params={"q": "disk_space_low"})).json()
    assert [(one["id"], one["whose"], one["found_by"]) for one in told["items"][:2]] == [
        ("photos", "own", "name"),
        ("disk-space", "shipped", "name"),
    ]
    assert told["items"][1]["useless"] == ["restart", "redeploy", "rollback_image"]
    assert [problem.partition(": ")[0] for problem in told["problems"]] == ["bad.md:2"]
    worded = (await http.get("/runbooks", params={"q": "wireguard handshake", "limit": 1})).json()["items"]
    assert [(one["id"], one["found_by"]) for one in worded] == [("wireguard-handshake", "words")]
    assert (await http.get("/runbooks", params={"q": "brightness"})).json()["items"] == []


@pytest.mark.parametrize("query", [{}, {"q": ""}, {"q": "x" * 401}, {"q": "x", "limit": 0}])
async def test_a_question_without_words_is_refused(http: httpx.AsyncClient, query: dict[str, str]) -> None:
    assert (await http.get("/runbooks", params=query)).status_code == 422
