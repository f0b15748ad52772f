"""A new sender of alerts is one file and one line of the table: here both are made up, and everything else knows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from mesh_core.messaging.bus import Bus
from mesh_core.models.events import HealthEvent
from mesh_core.models.streams import FOREIGN_STREAM
from mesh_core.runtime import metrics
from mesh_core.testing import AllFolders, RedisServer
from observer.hooks.alert import Alert, Read, Unfit
from observer.hooks.rules import BadHooks, HookRules, read_hooks
from observer.hooks.sender import HookSender
from observer.hooks.senders import SENDERS
from observer.web.app import make_app
from observer.web.app_context import AppContext
from observer.web.sse import SseBroadcaster
from observer.world import World


def alerts_in(body: dict[str, Any]) -> list[Read] | Unfit:
    """As somebody would write it in senders/zabbix.py."""
    if "trigger" not in body:
        return Unfit("trigger: missing")
    return [Alert("zabbix", body["trigger"], "t1", firing=True, episode="1", node="pi4", service="web")]


@pytest.fixture
def zabbix(monkeypatch: pytest.MonkeyPatch) -> HookSender:
    sender = HookSender("zabbix", "Zabbix's webhook media type.", alerts_in)
    monkeypatch.setitem(SENDERS, sender.name, sender)  # the line in the table
    return sender


def keys_file(folder: Path) -> Path:
    (folder / "token").write_text("only-zabbix\n")
    (folder / "token").chmod(0o600)
    path = folder / "hooks.yml"
    path.write_text(f"keys:\n  zabbix:\n    token_file: {folder / 'token'}\n")
    return path


async def test_a_new_sender_is_its_file_and_one_line(
    zabbix: HookSender, redis_server: RedisServer, tmp_path: Path
) -> None:
    rules = read_hooks(keys_file(tmp_path), token=None, secret=None, loopback=False, per_minute=120)
    bus = Bus.connect(redis_server.url, "test")
    context = AppContext(
        tmp_path, AllFolders(tmp_path), bus, World, SseBroadcaster(redis_server.url, "test"), hooks=rules
    )
    app = make_app(context)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 40000))
    key = {"Authorization": "Bearer only-zabbix"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8686") as http:
        before = metrics.HOOK_ALERTS.value("zabbix", "entered")
        strange = await http.post("/hooks/zabbix", json={"trigger": "DiskFull"})
        answer = await http.post("/hooks/zabbix", json={"trigger": "DiskFull"}, headers=key)
        unfit = await http.post("/hooks/zabbix", json={"what": 1}, headers=key)
        shown = (await http.get("/metrics")).text
    rows = await bus.call("XRANGE", FOREIGN_STREAM, "-", "+")
    await bus.close()
    (event,) = [HealthEvent.model_validate_json(fields[b"p"]) for _, fields in rows]
    assert (strange.status_code, answer.status_code, answer.json()["entered"]) == (401, 200, 1)
    assert (unfit.status_code, unfit.json()["detail"]) == (422, "trigger: missing")
    assert (event.type, event.node, event.service, event.trust) == ("disk_full", "pi4", "web", "foreign")
    assert metrics.HOOK_ALERTS.value("zabbix", "entered") == before + 1
    assert 'mesh_hook_alerts_total{hook="zabbix",became="repeated"} 0' in shown
    assert app.openapi()["paths"]["/hooks/zabbix"]["post"]["description"] == "Zabbix's webhook media type."


def test_a_sender_that_is_in_no_table_has_no_keys_and_no_route(tmp_path: Path) -> None:
    with pytest.raises(BadHooks, match="there is no such hook"):
        read_hooks(keys_file(tmp_path), token=None, secret=None, loopback=False, per_minute=120)
    assert HookRules().keys_of("zabbix") == HookRules().common
