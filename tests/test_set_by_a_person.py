"""What a remedy leaves to a person, from the event to the proven run: set by `mend edit --set`, approved by `mv`."""

from __future__ import annotations

import sys
from pathlib import Path

from parts.planning import mend, outcome_of, planner_and_executor, proposed, tell
from remedy_rig import own_folder

from mesh_core.testing import RedisServer, wait_for

REMEDY = """\
title: deletes old snapshots
explain: delete all snapshots but the newest; the disk that they lie on is nearly full
when: {types: [disk_space_low], needs: {payload.used_percent: {}}}
params:
  mount: {type: mount, from: payload.mount}
  keep: {type: integer, min: 1, max: 20, from: person, default: 2}
risk: low
interrupts: false
look:
  tasks:
    - name: See which there are
      ansible.builtin.find: {paths: ["{{ mount }}"]}
      register: there
  numbers:
    snapshots: there.files | length
estimate: "deletes all snapshots of {mount} but the newest {keep}"
apply:
  - name: Find them
    ansible.builtin.find: {paths: ["{{ mount }}"]}
    register: found
  - name: Delete the old ones
    ansible.builtin.file: {path: "{{ item.path }}", state: absent}
    loop: "{{ (found.files | sort(attribute='path', reverse=true))[keep:] }}"
proof: snapshots <= keep
shows: "snapshots: {snapshots}"
limits: {seconds: 60}
"""
POLICY = """
rules:
  - {name: full, when: {types: [disk_space_low]}, allow: [thin_out, notify], prefer: thin_out, reason: the disk is full}
"""
HERE = {"web01": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}


async def test_what_a_person_sets_is_what_runs_and_what_the_outcome_says(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    disk = tmp_path / "snapshots"
    disk.mkdir()
    for number in range(9):
        (disk / f"day{number}").touch()
    own_folder(tmp_path / "mesh", thin_out=REMEDY)
    with planner_and_executor(tmp_path, redis_server.url, hosts=HERE, policy=POLICY, LLM_CHAIN="") as mesh:
        actions = Path(mesh["RUNTIME_PATH"]) / "actions"
        payload = {"mount": str(disk), "used_percent": 94.0, "limit_percent": 90}
        full = {"node": "web01", "incident": "web01/1", "type": "disk_space_low", "severity": "error"}
        tell(redis_server.url, {**full, "payload": payload})
        await wait_for(lambda: bool(proposed(actions)), 120, "the proposal")
        old, proposal = proposed(actions)["thin_out"]
        assert "params" not in proposal
        shown = " ".join(mend(mesh, "show", proposal["id"]).split())
        for words in ("but the newest 2; ", "you may set keep: a whole number from 1 to 20; 2 now", " keep: 2 "):
            assert words in shown, shown
        assert "would change something: Delete the old ones" in mend(mesh, "preview", proposal["id"])
        mend(mesh, "edit", proposal["id"], "--set", "keep=5")
        file, chosen = proposed(actions)["thin_out"]
        assert (chosen["params"], old.exists(), file.name != old.name) == ({"keep": 5}, False, True)
        shown = " ".join(mend(mesh, "show", proposal["id"]).split())
        for words in ("but the newest 5; ", " keep: 5 ", "OLD, of what was there before an edit"):
            assert words in shown, shown
        mend(mesh, "preview", proposal["id"])
        shown = mend(mesh, "show", proposal["id"])
        assert ("OLD, of" in shown, "day3" in shown, "day4" in shown) == (False, True, False), shown
        assert len([*disk.iterdir()]) == 9, "nothing runs before a person said yes"
        file.rename(actions / "approved" / file.name)
        outcome = await outcome_of(actions, proposal["id"])
    assert (outcome["result"], outcome["verdict"]) == ("done", "proven"), outcome["reason"]
    assert outcome["reason"].startswith("snapshots: 9 -> 5; keep was set to 5; "), outcome["reason"]
    assert sorted(path.name for path in disk.iterdir()) == ["day4", "day5", "day6", "day7", "day8"]
