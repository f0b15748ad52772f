"""The judge of the chaos runs, on worlds so small that everything about them is known: it sees each broken promise."""

from __future__ import annotations

import ast
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from system.breaks import BREAKS, archived_twice, proposed_again
from system.chaos.checker import PROMISES, judge
from system.chaos.leftovers import archived, read
from system.chaos.mutants import MUTANTS, stale_ones
from system.small_world import DAY, FIRST, MS, World, whole


@pytest.fixture
def world(tmp_path: Path) -> World:
    return whole(tmp_path)


def broken_in(world: World) -> set[str]:
    return set(judge(read(world.write())).broken)


def test_a_good_world_breaks_no_promise_and_each_event_has_a_fate(world: World) -> None:
    judgement = judge(read(world.write()))
    assert judgement.broken == {}
    assert judgement.fates == {"proposed": 1, "counted": 1, "dead letter": 1}


@pytest.mark.parametrize(("promise", "break_it"), BREAKS, ids=[f.__name__.strip("_") for _, f in BREAKS])
def test_the_judge_sees_each_broken_promise(world: World, promise: str, break_it: Callable[[World], None]) -> None:
    break_it(world)
    assert promise in broken_in(world)


def test_too_little_ansible_is_said(world: World) -> None:
    world.run["ansible"] = True
    for number in range(30):
        run = world.actions / "done" / f"plan-n1-x-{number:012x}"
        run.mkdir()
        (run / "proposal.json").write_text(json.dumps({"type": "notify"}))
    assert "enough goes through ansible" in broken_in(world)


def test_every_promise_is_broken_by_some_test() -> None:
    assert {promise for promise, _ in BREAKS} | {"enough goes through ansible"} == set(PROMISES)


def test_trouble_after_a_recovery_may_be_proposed_again(world: World) -> None:
    world.event(20, "recovery", "svc00001", type="service_recovered")
    proposed_again(world)
    assert "nothing is proposed twice" not in broken_in(world)


def test_only_what_redis_forgot_may_be_counted_with_what_was_adopted_in_its_place(world: World) -> None:
    world.sent[1]["kind"] = "test"
    assert "what is expected happens" in broken_in(world)
    world.run["forgetful"] = True
    assert "what is expected happens" not in broken_in(world)


def test_an_event_line_that_is_written_again_after_a_crash_is_one_event(world: World) -> None:
    archived_twice(world)
    world.troubles.append({"what": "kill", "whom": "observer", "at": 0.0, "until": 0.0})
    assert broken_in(world) == set()


def test_both_layouts_of_the_archive_say_the_same(tmp_path: Path) -> None:
    event, decision = {"id": FIRST, "type": "x"}, {"verdict": "proposed"}
    old, new, packed = tmp_path / "old", tmp_path / "new", tmp_path / "packed"
    (old / DAY / "n1").mkdir(parents=True)
    (old / DAY / "n1" / f"evt-{MS}-0.json").write_text(json.dumps({"event": event, "decision": decision}))
    lines = [{"id": FIRST, "event": event, "decision": {"verdict": "benign"}}, {"id": FIRST, "decision": decision}]
    lines += [{"id": "n1/5-0", "event": event}, {"id": f"n2/{MS}-0", "event": event}]  # another day, another node
    raw = "".join(json.dumps(line) + "\n" for line in lines).encode() + b'{"id":"n1/'
    for root in (new, packed):
        (root / DAY).mkdir(parents=True)
    (new / DAY / "n1.jsonl").write_bytes(raw)
    (packed / DAY / "n1.jsonl.gz").write_bytes(gzip.compress(raw))
    for root in (old, new, packed):
        kept = archived(root)
        assert list(kept) == [FIRST]
        assert kept[FIRST].events == [event]
        assert kept[FIRST].decisions[-1] == decision


def test_the_judge_imports_nothing_that_it_judges() -> None:
    for path in Path(__file__).with_name("chaos").glob("*.py"):
        if path.name == "mutated.py":  # breaks the product, so it has to know it
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            ours = ("mesh_core", "planner_agent", "executor_agent", "observer", "node_agent", "mend")
            assert not [m for m in modules if m.partition(".")[0] in ours], path


def test_every_mutant_still_fits_the_product() -> None:
    assert len(MUTANTS) >= 12
    assert stale_ones() == ""
