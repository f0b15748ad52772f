"""What an agent remembers of a container's images: which it was healthy with, and what an image says of its data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node_agent.containers.image_history import (
    APART_SECONDS,
    GOOD_ONES,
    GOOD_SECONDS,
    MOST_KEPT,
    ImageHistory,
    image_id,
)
from node_agent.investigation.image import data_format_changed, versions_of, written_to

OLD, NEW, NEWER = (f"sha256:{digit * 64}" for digit in "abc")
KEY = "docker:shop.web"


def well(
    history: ImageHistory, image: str, since: float, seconds: float, key: str = KEY, name: str = "shop:1"
) -> float:
    """A look a minute, all of them good; gives the time of the last."""
    for at in range(0, int(seconds) + 1, 60):
        history.note(key, image, name, since + at, well=True)
    return since + seconds


def test_the_image_that_a_container_was_well_with_is_remembered_when_another_one_comes() -> None:
    history = ImageHistory()
    at = well(history, OLD, 1000.0, GOOD_SECONDS + 600)
    assert history.before(KEY, OLD) is None, "it runs that one"
    history.note(KEY, NEW, "shop:2", at + 60, well=False)
    before, now = history.before(KEY, NEW), history.now(KEY, NEW)
    assert before is not None
    assert now is not None
    assert (before.image, before.name, before.well_seconds) == (OLD, "shop:1", GOOD_SECONDS + 600)
    assert (now.since, now.well_seconds) == (at + 60, 0)
    assert history.now(KEY, OLD) is None
    assert history.before("docker:/other", NEW) is None
    history.note(KEY, "", "shop:2", at + 120, well=True)
    assert history.now(KEY, NEW) == now, "of nothing nothing is learnt"


@pytest.mark.parametrize(
    ("looks", "good"),
    [
        ([(0, True), (1800, True), (3600, True)], False),  # nobody knows what was in between
        ([*((n * 60, True) for n in range(61))], True),
        ([*((n * 60, n != 30) for n in range(61))], False),  # half an hour twice is no hour
        ([*((n * 60, n < 61) for n in range(200))], True),  # what it was once, it was
        ([*((n * 60, True) for n in range(60))], False),
    ],
)
def test_an_image_is_good_that_was_well_for_an_hour_without_a_break(looks: list[tuple[int, bool]], good: bool) -> None:
    assert APART_SECONDS < 1800
    history = ImageHistory()
    for at, was_well in looks:
        history.note(KEY, OLD, "shop:1", float(at), well=was_well)
    history.note(KEY, NEW, "shop:2", 20_000.0, well=False)
    assert (history.before(KEY, NEW) is not None) is good


def test_one_that_never_did_well_is_not_remembered_and_of_the_good_ones_only_the_last() -> None:
    history, at = ImageHistory(), 0.0
    images = [f"sha256:{n:064x}" for n in range(GOOD_ONES + 3)]
    for image in images:
        at = well(history, image, at + 60, GOOD_SECONDS)
        history.note(KEY, NEW, "shop:bad", at + 60, well=False)
        before = history.before(KEY, NEW)
        assert before is not None
        assert before.image == image
        at += 120
    assert len(history.dump()[KEY]) == GOOD_ONES + 1
    history.note(KEY, images[-1], "shop:1", at, well=True)  # rolled back
    before = history.before(KEY, images[-1])
    assert before is not None
    assert before.image == images[-2]


def test_a_later_agent_knows_it_and_what_is_unfit_is_refused_whole() -> None:
    history = ImageHistory()
    at = well(history, OLD, 0.0, GOOD_SECONDS)
    again = ImageHistory()
    again.load(json.loads(json.dumps(history.dump())))
    again.note(KEY, NEW, "shop:2", at + 30, well=False)
    assert again.before(KEY, NEW) == history.now(KEY, OLD)
    for unfit in ([1], {KEY: [{}]}, {KEY: 7}, {KEY: [{"image": 1, "name": "", "since": "soon"}]}):
        with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
            again.load(unfit)  # type: ignore[arg-type]
    assert again.before(KEY, NEW) is not None


def test_of_many_containers_those_seen_last_are_remembered() -> None:
    history = ImageHistory()
    for number in range(MOST_KEPT + 5):
        history.note(f"docker:/c{number}", OLD, "shop:1", float(number), well=True)
    assert len(history.dump()) == MOST_KEPT
    assert history.now("docker:/c4", OLD) is None
    assert history.now("docker:/c5", OLD) is not None


def test_a_name_that_was_given_to_another_image_is_still_what_the_container_was_made_of() -> None:
    history = ImageHistory()
    history.note(KEY, OLD, "shop:latest", 0.0, well=True)
    for short in (OLD, OLD[7:19], ""):
        history.note(KEY, OLD, short, 60.0, well=True)
    now = history.now(KEY, OLD)
    assert now is not None
    assert now.name == "shop:latest"
    assert (image_id("a" * 64), image_id(OLD), image_id(None)) == (OLD, OLD, "")


def image(name: str = "shop:latest", env: tuple[str, ...] = (), **labels: str) -> dict[str, str]:
    labels = {key.replace("__", ".").replace("_", "-"): value for key, value in labels.items()}
    return versions_of({"Config": {"Env": list(env), "Labels": labels}}, name)


VERSION = "org__opencontainers__image__version"


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        (image(), image(), False),
        (image(mendmesh__data_format="3"), image(mendmesh__data_format="3"), False),
        (image(mendmesh__data_format="3"), image(mendmesh__data_format="4"), True),
        (image(), image(mendmesh__data_format="4"), True),
        (image(**{VERSION: "15.2"}), image(**{VERSION: "15.9"}), False),
        (image(**{VERSION: "v15.2"}), image(**{VERSION: "16.1"}), True),
        (image(**{VERSION: "15.2"}), image(), False),
        (image(**{VERSION: "edge"}), image(**{VERSION: "stable"}), False),
        (image("db:10.11"), image("db:11"), True),
        (image("host:5000/db:10.11-slim"), image("host:5000/db:10.4"), False),
        (image("host:5000/db"), image("host:6000/db"), False),
        (image(env=("X_MAJOR=15", "PATH=/bin")), image(env=("X_MAJOR=16",)), True),
        (image(env=("X_MAJOR=8.0",)), image(env=("X_MAJOR=8.4", "X_VERSION=9")), False),
    ],
)
def test_whether_the_form_of_the_data_changed_is_read_off_both_images(
    old: dict[str, str], new: dict[str, str], changed: bool
) -> None:
    assert data_format_changed(old, new, attached=True) is changed
    owners = old.get("mendmesh.data-format") != new.get("mendmesh.data-format")
    assert data_format_changed(old, new, attached=False) is owners


def test_where_it_writes_is_told_and_where_it_only_reads_is_not() -> None:
    mounts: list[dict[str, Any]] = [
        {"Type": "volume", "Destination": "/var/lib/db", "RW": True},
        {"Type": "bind", "Destination": "/data", "RW": True},
        {"Type": "bind", "Destination": "/etc/localtime", "RW": False},
        {"Type": "tmpfs", "Destination": "/run", "RW": True},
    ]
    assert written_to({"Mounts": mounts}) == ["/data", "/var/lib/db"]
    assert written_to({}) == []
