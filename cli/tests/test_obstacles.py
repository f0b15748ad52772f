"""No yes without a word of what it would come to: `pending`, `show` and `approve` say what stands against it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from mend_rig import Mend

from mesh_core.models.records import rfc3339
from mesh_core.policy.lifeline import Lifeline
from mesh_core.policy.lifeline_note import note_lifeline
from mesh_core.runtime.executor_notes import note_targets
from mesh_core.runtime.heartbeats import heartbeat_file
from mesh_core.testing import leave_heartbeat

NOTIFY: dict[str, Any] = {"type": "notify", "action": "notify"}


@pytest.fixture
def sound(mend_online: Mend) -> Mend:
    """An executor that works, with a target and an inventory that names the node."""
    config = mend_online.runtime / "config"
    config.mkdir()
    (config / "inventory.yml").write_text("all: {hosts: {pi4: {ansible_connection: local}}}\n")
    note_targets(mend_online.runtime, 1)
    leave_heartbeat(mend_online.runtime, "executor-agent")
    return mend_online


def told(mend: Mend, *words: str) -> str:
    done = mend(*words)
    assert done.exit_code == 0, done.output
    return " ".join(done.stdout.split())


def found(mend: Mend) -> list[str]:
    """The kinds of obstacles of the one that waits, by both commands."""
    [row] = json.loads(told(mend, "pending", "--json"))
    assert json.loads(told(mend, "show", row["id"], "--json"))["obstacles"] == row["obstacles"]
    return [one["kind"] for one in row["obstacles"]]


def test_in_a_sound_mesh_nothing_is_said(sound: Mend) -> None:
    proposal = sound.propose()
    assert found(sound) == []
    for words in (("pending",), ("show", proposal.id), ("approve", proposal.id)):
        assert "come to nothing" not in told(sound, *words)


def test_a_host_that_the_inventory_does_not_name_is_said_with_the_line_to_add(sound: Mend) -> None:
    (sound.runtime / "config" / "inventory.yml").write_text("all: {hosts: {nas: {}}}\n")
    proposal = sound.propose()
    for words in (("pending",), ("show", proposal.id), ("approve", proposal.id)):
        assert "`pi4: {ansible_host: ADDRESS}`" in told(sound, *words)


def test_a_message_that_nobody_gets_is_said_before_the_yes(sound: Mend) -> None:
    note_targets(sound.runtime, 0)
    proposal = sound.propose(**NOTIFY)
    for words in (("pending",), ("show", proposal.id)):
        assert "NOTIFY_URLS is not set: approving tells nobody" in told(sound, *words)
    assert found(sound) == ["targets"]


def test_a_host_that_is_silent_and_an_executor_that_is_gone_are_said(sound: Mend) -> None:
    heartbeat_file(sound.runtime, "executor-agent").unlink()
    place = {"node": "pi4", "service": None, "state": "offline", "since": rfc3339(datetime.now(UTC))}
    (sound.runtime / "state" / "world.json").write_text(json.dumps({"places": {"pi4/": place}}))
    sound.propose()
    assert found(sound) == ["host", "executor"]


def test_what_all_share_is_said_once_and_what_is_ones_own_by_its_id(sound: Mend) -> None:
    heartbeat_file(sound.runtime, "executor-agent").unlink()
    note_targets(sound.runtime, 0)
    sound.propose("one")
    message = sound.propose("two", **NOTIFY)
    said = told(sound, "pending")
    assert said.count("no executor has run here yet") == 1
    assert "all: no executor" in said
    assert f"{message.id[-12:]}: NOTIFY_URLS is not set" in said


def test_a_redis_that_takes_no_writes_is_said_and_blocks_nothing(sound: Mend) -> None:
    with redis.Redis.from_url(sound.environ["REDIS_URL"]) as client:
        client.config_set("min-replicas-to-write", 1)
        proposal = sound.propose()
        assert found(sound) == ["redis"]
        assert "Before you say yes:" in told(sound, "show", proposal.id)
        status = sound("status")
        assert (status.exit_code, "refuses" in status.stdout) == (1, True)
        client.config_set("min-replicas-to-write", 0)
    assert found(sound) == []


def test_what_is_wrong_comes_before_what_would_be_done(sound: Mend) -> None:
    proposal = sound.propose(None, **NOTIFY, event={"type": "disk_space_low", "payload": {"mount": "/srv"}})
    said = told(sound, "pending")
    assert said.index("disk space low: /srv") < said.index("notify")
    shown = told(sound, "show", proposal.id)
    assert shown.index("disk space low: /srv") < shown.index("a yes ")
    [row] = json.loads(told(sound, "pending", "--json"))
    assert (row["event_type"], row["about"], row["wrong"]) == ("disk_space_low", "/srv", "disk space low: /srv")


def test_that_the_executor_will_refuse_what_carries_the_mesh_is_said_before_the_yes(sound: Mend) -> None:
    model_server = {"payload": {"runtime": "docker", "status": "exited", "exit_code": 137, "ports": [8081]}}
    proposal = sound.propose("assistant", event={**model_server, "type": "container_died"})
    assert found(sound) == []
    note_lifeline(sound.runtime, "planner-agent", Lifeline.at(["http://localhost:8081/v1"], "pi4"))
    assert found(sound) == ["lifeline"]
    for words in (("pending",), ("show", proposal.id), ("approve", proposal.id)):
        assert "assistant (port 8081) carries the mesh" in told(sound, *words)


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("words", [("pending",), ("show", "pi4/nginx"), ("status",), ("doctor", "--no-models")])
def test_on_a_terminal_no_sentence_is_broken_within_a_word(sound: Mend, words: tuple[str, ...], columns: int) -> None:
    (sound.runtime / "config" / "inventory.yml").write_text("all: {hosts: {nas: {}}}\n")
    heartbeat_file(sound.runtime, "executor-agent").write_text("standing by, and no executor works: a reason in words")
    sound.propose()
    lines = re.sub(r"\x1b\[[0-9;]*m", "", sound(*words, COLUMNS=str(columns), FORCE_COLOR="1").stdout).splitlines()
    assert "standing by, and no executor works: a reason in words" in " ".join(" ".join(lines).split())
    assert all(len(line.rstrip()) <= columns for line in lines if "standing" in line or "in words" in line)
