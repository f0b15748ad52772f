"""The inventory and the policy of this moment, and what services noted of their own needs; read again when changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mesh_core.models.events import HealthEvent
from mesh_core.policy.current_config import ConfigReader
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.lifeline import Lifeline, NeededAddress
from mesh_core.policy.lifeline_note import lifeline_note, note_lifeline, read_lifeline
from mesh_core.policy.policy import Policy


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    return tmp_path / "config"


def test_what_did_not_change_is_the_very_same(tmp_path: Path, config: Path) -> None:
    (config / "inventory.yml").write_text("all: {hosts: {here: {}}}\n")
    reader = ConfigReader(tmp_path)
    first, second = reader.read(), reader.read()
    assert first.inventory is second.inventory
    assert first.policy is second.policy
    (config / "policy.yml").write_text("max_restarts_per_hour: 7\n")
    third = reader.read()
    assert third.inventory is first.inventory
    assert isinstance(third.policy, Policy)
    assert third.policy.max_restarts_per_hour == 7


def test_a_changed_inventory_is_read_again_and_what_lies_beside_it_too(tmp_path: Path, config: Path) -> None:
    heard: list[str] = []
    reader = ConfigReader(tmp_path, complain=lambda file, sentence: heard.append(f"{file.name}: {sentence}"))
    assert isinstance(reader.read().inventory, str)
    (config / "inventory.yml").write_text("all: {hosts: {here: {}}}\n")
    inventory = reader.read().inventory
    assert isinstance(inventory, Inventory)
    assert inventory.hosts == {"here"}
    (config / "inventory.yml").write_text("all: {hosts: {here: {}, there: {}}}\n")
    (config / "host_vars").mkdir()
    (config / "host_vars" / "here.yml").write_text("- no mapping\n")
    inventory = reader.read().inventory
    assert isinstance(inventory, Inventory)
    assert inventory.hosts == {"there"}
    reader.read()
    assert len(heard) == 2, "each fault once for each time that it was read"
    assert "cannot be read" in heard[0]
    assert "inventory.yml: here cannot be used: " in heard[1]
    assert "host_vars/here.yml, line 1" in heard[1]


def test_half_a_file_that_was_just_saved_is_settling(tmp_path: Path, config: Path) -> None:
    import os

    reader = ConfigReader(tmp_path)
    assert not reader.read().settling, "missing is not half"
    (config / "policy.yml").write_text("rules: 7\n")
    assert reader.read().settling
    os.utime(config / "policy.yml", (1, 1))
    assert not reader.read().settling


def web(**payload: object) -> HealthEvent:
    return HealthEvent(type="container_died", node="nas", service="web", severity="error", payload=dict(payload))


def test_what_one_service_asks_is_protected_for_all_from_the_moment_it_says_so(tmp_path: Path) -> None:
    reader = ConfigReader(tmp_path, Lifeline.at(["redis://cache:6380"], "nas"))

    def protected(event: HealthEvent) -> str:
        policy = reader.read().policy
        assert isinstance(policy, Policy)
        return policy.protected_in_event(event)

    assert "port 6380" not in protected(web(ports=[6380]))
    assert protected(HealthEvent(type="x", node="nas", service="cache"))
    assert not protected(web(ports=[8081]))
    assert note_lifeline(tmp_path, "planner-agent", Lifeline.at(["http://me:pw@127.0.0.1:8081/v1"], "NAS")) is None
    assert protected(web(ports=[8081])) == "web (port 8081)"
    assert not protected(web(ports=[8082]))
    text = lifeline_note(tmp_path, "planner-agent").read_text()
    assert json.loads(text) == {"addresses": [{"host": "127.0.0.1", "port": 8081, "asked_on": "nas"}]}
    assert "pw" not in text


def test_all_notes_count_and_one_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    assert read_lifeline(tmp_path) == Lifeline()
    note_lifeline(tmp_path, "planner-agent", Lifeline.at(["http://a:1"], "n"))
    note_lifeline(tmp_path, "executor-agent", Lifeline.at(["redis://b:2"], "n"))
    assert read_lifeline(tmp_path).addresses == {NeededAddress("a", 1, "n"), NeededAddress("b", 2, "n")}
    for broken in (
        "{",
        "[]",
        '{"addresses": 7}',
        '{"addresses": [7, {"host": 1, "port": 2}, {"host": "x"}]}',
        "x" * 99999,
    ):
        lifeline_note(tmp_path, "executor-agent").write_text(broken)
        assert read_lifeline(tmp_path).addresses == {NeededAddress("a", 1, "n")}
    lifeline_note(tmp_path, "observer").mkdir()
    assert read_lifeline(tmp_path).addresses == {NeededAddress("a", 1, "n")}
    assert note_lifeline(tmp_path, "observer", Lifeline()) is not None
