"""From a sentence to a host over ssh: asked for in words, filed for a person, run after `mv`, told where it stands."""

from __future__ import annotations

import json
from pathlib import Path

from parts.nodes import SshNode
from parts.planning import mend, outcome_of, planner_and_executor, waiting

from mesh_core.testing import RedisServer, wait_for


async def test_what_was_asked_for_waits_for_a_person_and_then_runs_on_its_host(
    ssh_node: SshNode, redis_server: RedisServer, tmp_path: Path
) -> None:
    hosts = {"web01": ssh_node.inventory_vars}
    with planner_and_executor(tmp_path, redis_server.url, hosts=hosts, policy="") as environment:
        actions = tmp_path / "mesh" / "actions"
        await wait_for((actions / "pending" / ".wip").is_dir, 120, "a planner")
        mend(environment, "request", "install tar", "--host", "web01")
        await wait_for(lambda: waiting(actions), 120, "a proposal for what was asked")
        ((file, proposal),) = waiting(actions)
        assert (proposal["type"], proposal["node"], proposal["risk_level"]) == ("playbook", "web01", "low")
        assert proposal["event"]["type"] == "playbook_requested"
        file.rename(actions / "approved" / file.name)
        outcome = await outcome_of(actions, proposal["id"])
        assert (outcome["result"], outcome["reason"]) == ("done", outcome["reason"]), outcome
        (row,) = json.loads(mend(environment, "requests", "--json"))
        assert (row["state"], row["text"]) == ("filed", "install tar")
        assert [(one["host"], one["folder"]) for one in row["proposals"]] == [("web01", "done")]
