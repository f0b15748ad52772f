"""What stands against a yes: every way in which it would come to nothing is a sentence, and a sound mesh has none."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from action_rig import COMPOSE, a_proposal
from folders_rig import approved, outcome_for, proposal_for

from mesh_core.actions.register import action_type
from mesh_core.approvals.obstacles import ObstacleKind, Surroundings, obstacles_of
from mesh_core.approvals.surroundings import SurroundingsReader, executor_trouble
from mesh_core.models.outcomes import Stage
from mesh_core.models.proposals import Folder, Proposal
from mesh_core.models.records import rfc3339
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.lifeline import Lifeline
from mesh_core.policy.policy import Policy
from mesh_core.runtime.executor_notes import note_targets, read_targets, targets_note
from mesh_core.runtime.heartbeats import heartbeat_file
from mesh_core.runtime.places_note import read_places
from mesh_core.testing import AllFolders

NOW = datetime.now(UTC)
SOUND = Surroundings(Inventory.parse(b"all: {hosts: {here: {}, n1: {}}}"), Policy.load(None), targets=1)


def waiting(**changes: Any) -> Proposal:
    made = proposal_for()
    event = made.event.model_copy(update={"payload": {"runtime": "docker", "status": "exited", "exit_code": 137}})
    return made.model_copy(update={"event": event, **changes})


def kinds(proposal: Proposal, around: Surroundings) -> list[ObstacleKind]:
    return [one.kind for one in obstacles_of(proposal, around, NOW)]


def test_nothing_stands_against_a_yes_in_a_sound_mesh() -> None:
    assert kinds(waiting(), SOUND) == []
    assert kinds(waiting(type="notify", action="notify"), SOUND) == []
    unknown = replace(SOUND, targets=None)  # an executor that never said it has perhaps some
    assert kinds(waiting(type="notify", action="notify"), unknown) == []


@pytest.mark.parametrize(
    ("changed", "around", "kind", "words"),
    [
        (
            {},
            {"inventory": Inventory.parse(b"all: {hosts: {other: {}}}")},
            "inventory",
            "here: {ansible_host: ADDRESS}",
        ),
        ({}, {"inventory": "inventory.yml: empty"}, "inventory", "inventory.yml: empty"),
        ({}, {"policy": "policy.yml, line 3: not YAML"}, "policy", "line 3"),
        ({}, {"offline": {"here": "2026-01-01T00:00:00Z"}}, "host", "since "),
        ({}, {"executor": "the executor is down: no sign of life for 3 min"}, "executor", "no sign of life"),
        ({}, {"may_approve": False}, "access", "operators"),
        ({}, {"redis": "Redis is full and refuses writes"}, "redis", "refuses writes"),
        ({"expires_at": "2026-01-01T00:00:00Z"}, {}, "expired", "expired at"),
        ({"type": "notify", "action": "notify"}, {"targets": 0}, "targets", "NOTIFY_URLS is not set: approving tells"),
        ({}, {"inventory": None}, "inventory", "this user may not read config/inventory.yml"),
        ({}, {"policy": None}, "policy", "this user may not read config/policy.yml"),
    ],
)
def test_each_obstacle_is_told_with_what_to_do(
    changed: dict[str, Any], around: dict[str, Any], kind: str, words: str
) -> None:
    (found,) = obstacles_of(waiting(**changed), replace(SOUND, **around), NOW)
    assert found.kind == kind
    assert words in found.told
    assert found.fix
    assert found.blocks is not (kind == "redis" or None in around.values())


def test_what_the_policy_forbids_by_now_is_told(tmp_path: Path) -> None:
    file = tmp_path / "policy.yml"
    file.write_text(
        "rules: [{name: mine, when: {types: [container_died]}, allow: [notify], prefer: notify, reason: x}]\n"
    )
    (found,) = obstacles_of(waiting(), replace(SOUND, policy=Policy.load(file)), NOW)
    assert found.kind is ObstacleKind.POLICY
    assert "does not allow restart" in found.sentence
    assert "notify" in found.fix


def test_what_carries_the_mesh_is_said_to_be_refused() -> None:
    models = Policy.load(None, Lifeline.at(["http://127.0.0.1:8081/v1"], "here"))
    proposal = waiting()
    payload = {**proposal.event.payload, "ports": [8081]}
    asked = proposal.model_copy(update={"event": proposal.event.model_copy(update={"payload": payload})})
    (found,) = obstacles_of(asked, replace(SOUND, policy=models), NOW)
    assert (found.kind, found.blocks) == (ObstacleKind.LIFELINE, True)
    assert "(port 8081) carries the mesh" in found.sentence
    assert "refuses to restart it" in found.sentence
    assert "unprotect" in found.fix
    told = asked.model_copy(update={"type": "notify", "action": "notify"})
    assert kinds(told, replace(SOUND, policy=models)) == []


def test_a_message_needs_no_host_that_answers() -> None:
    away = replace(SOUND, offline={"here": "2026-01-01T00:00:00Z"})
    assert kinds(waiting(type="notify", action="notify"), away) == []
    nowhere = replace(SOUND, inventory="inventory.yml: empty")
    assert kinds(waiting(type="notify", action="notify"), nowhere) == []


@pytest.mark.parametrize(
    ("payload", "variables", "missing"),
    [
        (COMPOSE, {}, True),
        (COMPOSE, {"mend_compose_dirs": {"shop": "/srv/shop"}}, False),
        (COMPOSE, {"mend_compose_dirs": {"other": "/srv"}}, True),
        (COMPOSE, {"mend_compose_dirs": "{{ all_folders }}"}, False),  # given, and only a run can read it
        ({}, {"mend_compose_dirs": {"shop": "/srv/shop"}}, True),
        ({}, {"mend_compose_dirs": {"shop": "/srv/shop"}, "mend_compose_projects": {"web": "shop"}}, False),
        ({}, {"mend_compose_dirs": {"shop": "/srv/shop"}, "mend_compose_projects": {"db": "shop"}}, True),
        ({}, {"mend_compose_dirs": "{{ folders }}", "mend_compose_projects": "{{ projects }}"}, False),
    ],
)
def test_a_redeploy_says_which_variable_its_host_lacks(
    payload: dict[str, Any], variables: dict[str, Any], missing: bool
) -> None:
    service = "shop.web" if payload else "web"
    told = action_type("redeploy").missing(a_proposal("redeploy", service, payload), variables)
    assert ("mend_compose_dirs" in told, bool(told)) == (missing, missing)


def test_a_redeploy_on_a_host_without_folders_of_projects_is_an_obstacle() -> None:
    proposal = a_proposal("redeploy", "shop.web", COMPOSE).model_copy(
        update={"expires_at": rfc3339(NOW + timedelta(1))}
    )
    assert ObstacleKind.VARIABLE in kinds(proposal, SOUND)
    for project, known in (("shop", True), ("other", False)):
        text = f"all: {{hosts: {{n1: {{}}}}, vars: {{mend_compose_dirs: {{{project}: /srv}}}}}}"
        around = replace(SOUND, inventory=Inventory.parse(text.encode()))
        assert (ObstacleKind.VARIABLE not in kinds(proposal, around)) is known


def test_what_is_around_is_read_out_of_files_and_again_when_they_change(actions: AllFolders, tmp_path: Path) -> None:
    reader = SurroundingsReader(tmp_path)
    around = reader.read(offline={})
    assert isinstance(around.inventory, str)
    assert around.may_approve
    assert "no executor has run here" in around.executor
    config = tmp_path / "config"
    config.mkdir()
    (config / "inventory.yml").write_text("all: {hosts: {here: {}}}\n")
    around = reader.read(offline={})
    assert isinstance(around.inventory, Inventory)
    assert around.inventory.is_host("here")
    assert reader.read(offline={}).inventory is around.inventory
    (config / "policy.yml").write_text("rules: 7\n")
    assert isinstance(reader.read(offline={}).policy, str)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files to other users")
@pytest.mark.parametrize(
    ("owner", "group", "mode", "mended"),
    [
        (0, 0, 0o600, "chgrp 10100 {file} && chmod g+r {file}"),
        (0, 10100, 0o600, "chgrp 10100 {file} && chmod g+r {file}"),
        (10002, 10100, 0o060, "chmod u+r {file}"),
        (0, 0, 0o644, ""),
        (0, 10100, 0o640, ""),
        (10002, 0, 0o400, ""),
    ],
)
def test_a_config_file_that_the_executor_may_not_read_stands_against_a_yes_whoever_asks(
    actions: AllFolders, tmp_path: Path, owner: int, group: int, mode: int, mended: str
) -> None:
    (tmp_path / "config").mkdir()
    file = tmp_path / "config" / "inventory.yml"
    file.write_text("all: {hosts: {here: {}}}\n")
    reader = SurroundingsReader(tmp_path)
    beat = heartbeat_file(tmp_path, "executor-agent")
    beat.parent.mkdir(exist_ok=True)
    beat.touch()
    os.chown(beat, 10002, 10101)
    os.chown(actions.folder(Folder.APPROVED), 10002, 10100)
    os.chown(file, owner, group)
    file.chmod(mode)
    found = reader.read(offline={}).inventory
    if not mended:
        assert isinstance(found, Inventory)
        return
    assert isinstance(found, str)
    assert f"the executor (uid 10002) may not read it (it is {owner}:{group}, mode {mode:04o})" in found
    assert mended.format(file=file) in found


def test_a_host_that_the_last_run_could_not_reach_is_told_until_a_run_got_there(
    actions: AllFolders, tmp_path: Path
) -> None:
    def ran(number: int, minute: int, rc: int, stage: str = "apply") -> None:
        name = approved(actions, number)
        run = actions.claim(name)
        assert run is not None
        at = f"2026-01-01T00:{minute:02}:00Z"
        stages = (Stage(name=stage, ok=not rc, rc=rc, changed=0, seconds=1),)
        result = "failed" if rc else "done"
        outcome = outcome_for(name).model_copy(update={"result": result, "stages": stages, "finished_at": at})
        (run / "outcome.json").write_bytes(outcome.wire())
        actions.finish(run, Folder(result))

    reader = SurroundingsReader(tmp_path)
    ran(1, 1, 0)
    assert reader.read(offline={}).unreached == {}
    ran(2, 2, 4)
    assert reader.read(offline={}).unreached == {"here": "2026-01-01T00:02:00Z"}
    (told,) = obstacles_of(waiting(), replace(SOUND, unreached={"here": "2026-01-01T00:02:00Z"}), NOW)
    assert (told.kind, told.blocks) == (ObstacleKind.HOST, False)
    ran(3, 3, 4, "syntax")
    assert reader.read(offline={}).unreached == {}


def test_an_executor_that_died_hangs_or_stands_by_alone_is_told(tmp_path: Path) -> None:
    beat = heartbeat_file(tmp_path, "executor-agent")
    beat.parent.mkdir()
    beat.touch()
    assert executor_trouble(tmp_path) == ""
    beat.write_text("standing by, and no executor works: state/executor.lock is held by pid 7")
    assert "standing by" in executor_trouble(tmp_path)
    beat.write_text("")
    long_ago = time.time() - 600
    os.utime(beat, (long_ago, long_ago))
    assert "no sign of life for 10 min" in executor_trouble(tmp_path)


def test_the_executors_note_says_how_many_targets_and_no_address(tmp_path: Path) -> None:
    assert read_targets(tmp_path) is None
    assert note_targets(tmp_path, 2) is None
    assert read_targets(tmp_path) == 2
    assert json.loads(targets_note(tmp_path).read_bytes()) == {"targets": 2}
    for broken in (b"{", b"[]", b'{"targets": true}', b'{"targets": "2"}'):
        targets_note(tmp_path).write_bytes(broken)
        assert read_targets(tmp_path) is None
    targets_note(tmp_path).unlink()
    targets_note(tmp_path).mkdir()
    assert note_targets(tmp_path, 1) is not None


def test_the_observers_file_says_what_was_heard_of_and_who_is_silent(tmp_path: Path) -> None:
    assert read_places(tmp_path).targets == frozenset()
    (tmp_path / "state").mkdir()
    file = tmp_path / "state" / "world.json"
    silent = {"node": "nas", "service": None, "state": "offline", "since": "2026-01-01T00:00:00Z"}
    ill = {"node": "pi4", "service": None, "state": "sick", "since": silent["since"]}
    known = {"nas/": silent, "nas/web": {**silent, "service": "web"}, "pi4/": ill}
    file.write_text(json.dumps({"places": known}))
    assert read_places(tmp_path).targets == frozenset(known)
    assert read_places(tmp_path).offline == {"nas": "2026-01-01T00:00:00Z"}
    for broken in ("{", "[]", '{"places": [1]}', '{"places": {"a/": 1}}', "[" * 100_000):
        file.write_text(broken)
        assert read_places(tmp_path).offline == {}
