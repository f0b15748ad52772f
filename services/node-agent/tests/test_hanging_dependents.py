"""Which of those that depend on a sick container hang as well, and in which order they need each other."""

from __future__ import annotations

from typing import Any

import pytest

from node_agent.investigation.dependents import MOST_HANGING, hanging_on

SICK, DOWN, WELL = "Up 2 hours (unhealthy)", "Exited (1) 3 minutes ago", "Up 2 hours (healthy)"


def row(name: str, status: str, needs: str = "", **labels: str) -> dict[str, Any]:
    state = "exited" if status.startswith("Exited") else "restarting" if status.startswith("Rest") else "running"
    more = {f"com.docker.compose.{key}": value for key, value in labels.items()}
    return {
        **{"Id": name, "Names": [f"/{name}"], "State": state, "Status": status, "Image": f"{name}:1"},
        "Labels": {"mendmesh.depends-on": needs, **more},
    }


def hanging(*rows: dict[str, Any], service: str = "db", container: str | None = "db") -> list[str]:
    return [one["container"] for one in hanging_on(service, container, rows).get("hanging", [])]


DB = row("db", SICK)


@pytest.mark.parametrize(
    ("status", "hangs"),
    [
        (SICK, True),
        (DOWN, True),
        ("Restarting (2) 4 seconds ago", True),
        (WELL, False),
        ("Up 3 hours", False),  # nobody can tell
        ("Exited (0) 3 days ago", False),
        ("Exited (137) 3 days ago", False),  # somebody stopped it, as far as can be seen
        ("Exited (143) 3 days ago", False),
    ],
)
def test_what_hangs_is_what_is_sick_or_ended_badly(status: str, hangs: bool) -> None:
    assert hanging(DB, row("web", status, "db")) == (["web"] if hangs else [])


def test_they_come_in_the_order_in_which_they_need_each_other_and_through_those_that_do_well() -> None:
    rows = [
        row("a-page", SICK, "web, worker"),
        row("b-alone", SICK),
        row("web", SICK, "api"),
        row("worker", WELL, "db"),
        row("api", DOWN, "db"),
        row("z-cache", SICK, "db"),
        DB,
    ]
    assert hanging(*rows) == ["api", "web", "a-page", "z-cache"] or hanging(*rows) == [
        "api",
        "z-cache",
        "web",
        "a-page",
    ]
    assert hanging(*rows, service="web", container=None) == ["a-page"]
    assert hanging(*rows, service="nobody", container="nobody") == []


def test_a_circle_is_no_endless_way_and_who_is_sick_itself_is_none_of_them() -> None:
    rows = [row("db", SICK, "web"), row("web", SICK, "api"), row("api", SICK, "web, db")]
    assert hanging(*rows) == ["api", "web"]


def test_compose_says_who_needs_whom_and_one_made_by_run_waits_for_its_maker() -> None:
    def of_shop(service: str, status: str, needs: str, **more: str) -> dict[str, Any]:
        labels = {"project": "shop", "service": service, "depends_on": needs, **more}
        return row(f"shop-{service}-1", status, **labels)

    web, db = of_shop("web", DOWN, "db:service_healthy:false"), of_shop("db", SICK, "")
    by_run = of_shop("job", DOWN, "db:service_healthy:false", oneoff="True")
    told = hanging_on("shop.db", "shop-db-1", [web, db, by_run])
    assert told == {
        "hanging": [
            {
                **{
                    "runtime": "docker",
                    "container": "shop-web-1",
                    "container_id": "shop-web-1",
                    "image": "shop-web-1:1",
                },
                **{"compose": {"project": "shop", "service": "web"}, "labels": {"mendmesh.depends-on": ""}},
            }
        ]
    }


def test_of_many_only_some_are_named_and_the_others_are_counted() -> None:
    rows = [DB, *(row(f"c{n:02}", SICK, "db") for n in range(MOST_HANGING + 3))]
    found = hanging_on("db", "db", rows)
    assert [one["container"] for one in found["hanging"]] == [f"c{n:02}" for n in range(MOST_HANGING)]
    assert found["more"] == 3
