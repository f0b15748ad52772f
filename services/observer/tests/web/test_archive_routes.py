"""The archive over HTTP: events, history, incidents and numbers, with sentences for what cannot be answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from index_rig import BASE_MS, Shelf, shelf_in
from remedy_rig import GOOD, SHELL, own_folder

from mesh_core.actions.register import SHIPPED
from mesh_core.messaging.bus import Bus
from observer.index.keys import time_of
from observer.web.app import make_app
from observer.web.app_context import AppContext
from observer.web.sse import SseBroadcaster
from observer.world import World

NO_REDIS = "redis://127.0.0.1:1/0"


@dataclass
class Asked:
    shelf: Shelf
    http: httpx.AsyncClient

    async def get(self, path: str, **params: Any) -> Any:
        answer = await self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Asked]:
    shelf = shelf_in(tmp_path)
    shelf.settle()
    bus = Bus.connect(NO_REDIS, "test")
    moment = datetime.fromtimestamp(BASE_MS / 1000, UTC)
    context = AppContext(
        tmp_path, shelf.actions, bus, World, SseBroadcaster(NO_REDIS, "test"), lambda: moment, index=shelf.indexer
    )
    transport = httpx.ASGITransport(make_app(context), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8686/api/v1") as http:
        yield Asked(shelf, http)
    shelf.indexer.close()
    await bus.close()


async def test_the_catalogue_counts_what_each_did_and_names_a_bad_file(asked: Asked, tmp_path: Path) -> None:
    polish = "translations: {pl: {title: czyści katalog, explain: gdy jest pełny}}\n"
    own_folder(tmp_path, mine=GOOD + polish, shell=SHELL, broken="title: [")
    for number, type_, undone in ((1, "unit_start", None), (2, "unit_start", True), (3, "undo_unit_start", None)):
        name = asked.shelf.propose(asked.shelf.event(at=number), type=type_, action=type_)
        helped = {"result": "failed", "verdict": "not_helped", "undone": True} if undone else {}
        asked.shelf.run(name, **helped)
    asked.shelf.settle()
    told = await asked.get("/remedies")
    rows = {row["name"]: row for row in told["items"]}
    assert [*rows] == [*(action.name for action in SHIPPED.types if action.choice), "mine", "shell"]
    assert (rows["unit_start"]["runs"], rows["unit_start"]["proven"], rows["unit_start"]["undone"]) == (2, 1, 2)
    for reads, does in (
        ("pl-PL,pl;q=0.9", "czyści katalog"),
        ("en,pl", "empties the scratch folder"),
        ("", "empties the"),
    ):
        asked.http.headers["Accept-Language"] = reads
        (mine,) = (row for row in (await asked.get("/remedies"))["items"] if row["name"] == "mine")
        assert mine["does"].startswith(does)
    assert (rows["mine"]["whose"], rows["mine"]["runs"], rows["mine"]["types"]) == ("own", 0, ["scratch_full"])
    assert (rows["journal_vacuum"]["whose"], rows["redeploy"]["whose"]) == ("shipped", "built_in")
    recipes = {row["name"]: row for row in told["recipes"]}
    assert [*recipes] == [*SHIPPED.asked_for]
    assert (recipes["firewall"]["whose"], recipes["firewall"]["risk"]) == ("shipped", "guarded")
    assert recipes["ping"]["example"] == "ping all hosts"
    broken, may_not_run = told["problems"]
    assert broken.startswith("broken.yml:")
    assert may_not_run.startswith("shell.yml: its playbook may not run: apply: ")
    assert "mine" in (await asked.get("/history"))["types"]


async def test_events_are_filtered_and_paged(asked: Asked) -> None:
    for number in range(5):
        asked.shelf.event(at=number, node="pi4" if number else "pi5", payload={"message": "no space left"})
    asked.shelf.settle()
    page = await asked.get("/events", node="pi4", severity="warning", q="space", limit=3, type="container_died")
    assert [row["at"] for row in page["items"]] == [time_of(BASE_MS + n) for n in (4, 3, 2)]
    rest = await asked.get("/events", node="pi4", limit=3, cursor=page["next"])
    assert ([row["at"] for row in rest["items"]], rest["next"]) == ([time_of(BASE_MS + 1)], None)
    since = await asked.get("/events", since=time_of(BASE_MS + 4), until="2030-01-01T00:00:00+02:00")
    assert len(since["items"]) == 1
    assert page["complete"] is True


async def test_history_and_incident_of_a_run(asked: Asked) -> None:
    event = asked.shelf.event()
    name = asked.shelf.propose(event)
    asked.shelf.run(name)
    asked.shelf.settle()
    page = await asked.get("/history", node="pi4", service="web", result="done", verdict="proven", action="restart")
    assert [row["id"] for row in page["items"]] == [name.id]
    assert page["types"] == list(SHIPPED.type_names)  # what the page offers as a filter
    for wanted in (name.id, event.id or "", quote(event.id or "", safe="")):
        incident = await asked.get(f"/incidents/{wanted}")
        assert incident["state"] == "recovered"
        assert incident["actions"][0]["id"] == name.id


async def test_numbers_over_time(asked: Asked) -> None:
    event = asked.shelf.event()
    asked.shelf.attempt(event)
    asked.shelf.settle()
    models = await asked.get("/metrics/models", hours=3)
    assert models["buckets"][-1]["attempts"] == {"ok": 1}
    healing = await asked.get("/metrics/healing", days=2)
    assert healing["per_day"][-1]["events"] == 1


@pytest.mark.parametrize(
    "path",
    [
        "/events?limit=0",
        "/events?limit=201",
        "/events?severity=awful",
        "/events?node=../etc",
        "/events?since=yesterday",
        "/events?type=DROP",
        "/events?q=" + "x" * 201,
        "/history?result=nowhere",
        "/history?verdict=maybe",
        "/history?until=2026-13-01T00:00:00Z",
        "/metrics/models?hours=0",
        "/metrics/models?hours=99999",
        "/metrics/healing?days=x",
    ],
)
async def test_what_cannot_be_asked_is_said_by_name(asked: Asked, path: str) -> None:
    answer = await asked.http.get(path)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["error"] == "invalid"
    assert path.partition("?")[2].partition("=")[0] in problem["detail"]


@pytest.mark.parametrize("wanted", ["plan-pi4-web-000000000000", "pi4/1-0", "..%2f..%2fetc%2fpasswd", "%00", "%ff"])
async def test_an_unknown_incident_is_404_with_a_sentence(asked: Asked, wanted: str) -> None:
    answer = await asked.http.get(f"/incidents/{wanted}")
    assert (answer.status_code, answer.json()["error"]) == (404, "unknown")
    assert "/history" in answer.json()["detail"]


async def test_odd_words_and_cursors_are_no_mistake_of_ours(asked: Asked) -> None:
    asked.shelf.event()
    asked.shelf.settle()
    for q in ('"', "*", "a AND", "NEAR(", "{x}", "-", "^x", "é\u0000", "😀", "\ue000n1", "' OR 1=1 --"):
        await asked.get("/events", q=q)
    for cursor in ("", "x", "99999999999999999999", "1.1", "-5"):
        await asked.get("/events", cursor=cursor)
        await asked.get("/history", cursor=cursor)


async def test_while_the_index_is_made_anew_the_answer_is_try_again(asked: Asked) -> None:
    asked.shelf.indexer.discard()
    for path in ("/events", "/history", "/incidents/x", "/metrics/models", "/metrics/healing"):
        answer = await asked.http.get(path)
        assert (answer.status_code, answer.json()["error"]) == (503, "no_index")
        assert answer.headers["retry-after"]
    asked.shelf.settle()
    assert (await asked.get("/events"))["items"] == []


async def test_a_broken_database_is_told_once_and_made_anew(asked: Asked) -> None:
    event = asked.shelf.event()
    asked.shelf.settle()
    with asked.shelf.indexer.store.write() as connection:
        connection.exec_driver_sql("DROP TABLE event_words")
    answer = await asked.http.get("/events", params={"q": "died"})
    assert (answer.status_code, answer.json()["error"]) == (503, "no_index")
    asked.shelf.settle()
    page = await asked.get("/events", q="died")
    assert [row["id"] for row in page["items"]] == [event.id]


async def test_every_field_of_the_answers_is_described(asked: Asked) -> None:
    schemas = (await asked.get("/openapi.json"))["components"]["schemas"]
    ours = (
        "EventRow",
        "EventPage",
        "PastAction",
        "HistoryPage",
        "Incident",
        "TimelineStep",
        "ModelSeries",
        "HealingSeries",
    )
    for name in (*ours, "HealingSeries", "ModelBucket", "RungTotals", "DurationStats", "HealingDay", "SuccessRow"):
        undescribed = [field for field, said in schemas[name]["properties"].items() if not said.get("description")]
        assert not undescribed, f"{name}: {undescribed}"
