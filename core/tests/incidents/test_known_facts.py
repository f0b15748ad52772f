"""The names of what an agent looks up: those of the contract, and what a misspelt one is answered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mesh_core.incidents.known_facts import FACTS, TYPES, path_problem, type_problem

CONTRACT = Path(__file__).parents[3] / "docs" / "contract.md"


def told_in_the_contract() -> dict[str, set[str]]:
    """Room -> all words between backticks of its row; one row names several rooms, in the order of its facts."""
    text = CONTRACT.read_text()
    table = text[text.index("| room | facts |") : text.index("**`payload.at_work`**")]
    told: dict[str, set[str]] = {}
    for line in table.splitlines()[2:]:
        rooms, _, facts = line.strip("| ").partition(" | ")
        for room in re.findall(r"`(\w+)`", rooms):
            told.setdefault(room, set()).update(re.findall(r"[a-z_]{3,}", " ".join(re.findall(r"`([^`]*)`", facts))))
    return told


def test_every_fact_of_a_room_stands_in_the_contract() -> None:
    told = told_in_the_contract()
    for room, facts in FACTS.items():
        if room != "hung":  # it is for one shipped remedy, and told in its page
            assert facts.keys() - {"mount"} <= told[room], room


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("journal.bytes", ""),
        ("memory.holders.0.percent", ""),
        ("payload.something_of_mine", ""),
        ("event.service", ""),
        ("journl.bytes", "no agent looks up journl; there are "),
        ("journal.byte", "journal has no 'byte'; there are bytes, mount; 'byte' looks like bytes"),
        ("memory.holders.0.percnt", "; 'percnt' looks like percent"),
        ("disk.mount.0.path", "a row of disk.mount has no 'path': it is no list of such rows"),
        ("payload.used_precent", "no agent tells payload.used_precent; 'used_precent' looks like used_percent"),
    ],
)
def test_a_misspelt_fact_is_answered_with_the_nearest(path: str, problem: str) -> None:
    assert (problem in path_problem(path)) if problem else path_problem(path) == ""


def test_a_type_of_ones_own_is_good_and_one_that_is_nearly_a_known_one_is_not() -> None:
    assert not any(type_problem(one) for one in (*TYPES, "scratch_full", "disk_*", "*"))
    assert type_problem("disk_space_lo") == (
        "no agent of ours tells 'disk_space_lo'; 'disk_space_lo' looks like disk_space_low"
    )
