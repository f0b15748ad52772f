"""A test that relies on what follows coming soon is found by a run whose tests stand still: the plugin parts.stall."""

from __future__ import annotations

from pathlib import Path

from test_choice_of_tests import run

IN_A_HURRY = """
import asyncio, time
import parts.stall

parts.stall.STALL_SECONDS = 0.5

def test_in_a_hurry():
    began = time.monotonic()
    took = time.monotonic() - began
    assert took < 0.4

def test_at_ease():
    began = time.monotonic()
    assert time.monotonic() - began < 60
"""


def test_a_run_that_stands_still_finds_who_is_in_a_hurry_and_says_where_and_which_seed(tmp_path: Path) -> None:
    seeds = [run(tmp_path, IN_A_HURRY, f"--stall={seed}", plugins='"parts.stall"').stdout for seed in range(6)]
    found = [said for said in seeds if "test_in_a_hurry FAILED" in said]
    assert 0 < len(found) < len(seeds), "it depends on the line"
    assert "it stood still at line 9; again: --stall=" in found[0]
    assert not [said for said in seeds if "test_at_ease FAILED" in said]
    assert "the same again: --stall=3" in seeds[3]
    assert "stood still" not in run(tmp_path, IN_A_HURRY, plugins='"parts.stall"').stdout
