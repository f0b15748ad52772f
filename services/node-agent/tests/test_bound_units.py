"""Which units went down with one that they need, by the times and words of systemd."""

from __future__ import annotations

import pytest

from node_agent.host.bound_units import BoundUnits, dependents_of, needs_of

SECOND = 1_000_000


def unit(
    name: str, state: str = "inactive", *, up: int = 10, left: int = 0, down: int = 0, **more: str
) -> dict[str, str]:
    """Times in seconds since the boot."""
    return {
        "Id": name,
        "ActiveState": state,
        "ActiveEnterTimestampMonotonic": str(up * SECOND),
        "ActiveExitTimestampMonotonic": str(left * SECOND),
        "InactiveEnterTimestampMonotonic": str(down * SECOND),
        **more,
    }


DB = unit("db.service", "failed", left=100, down=100, RequiredBy="web.service")
SLOW = unit("slow.service", "failed", left=100, down=190, BoundBy="web.service")
NEVER_UP = {"up": 0, "down": 0}


@pytest.mark.parametrize(
    ("one", "cause", "went"),
    [
        (unit("web.service", down=100), DB, True),
        (unit("web.service", down=99), DB, True),  # a stop of both takes what needs the other down first
        (unit("web.service", down=60), DB, False),  # somebody had stopped it before
        (unit("web.service", down=200), DB, False),  # it ran on, and somebody stopped it
        (unit("web.service", down=190, BindsTo="db.service"), DB, True),  # it was slow to stop
        (unit("web.service", down=60, BindsTo="db.service"), DB, False),
        (unit("web.service", down=150), SLOW, True),
        (unit("mail.service", down=100), DB, False),
        (unit("web.service", "active"), DB, False),
        (unit("web.service", "failed", down=100), DB, False),  # trouble of its own
        (unit("web.service", **NEVER_UP, UnitFileState="enabled"), DB, True),
        (unit("web.service", **NEVER_UP, UnitFileState="disabled"), DB, False),
        (unit("web.service", **NEVER_UP, UnitFileState="enabled", Job="12"), DB, False),
        (
            unit(
                "web.service",
                **NEVER_UP,
                UnitFileState="enabled",
                ConditionResult="no",
                ConditionTimestampMonotonic="5",
            ),
            DB,
            False,
        ),
    ],
)
def test_who_went_down_with_whom(one: dict[str, str], cause: dict[str, str], went: bool) -> None:
    bound = BoundUnits({})
    assert bound.note(one, cause) is went
    assert bound.went_with(one) == (cause["Id"] if went else "")


def test_it_counts_until_it_was_up_again() -> None:
    bound = BoundUnits({})
    assert bound.note(unit("web.service", down=100), DB)
    assert not bound.note(unit("web.service", down=100), SLOW), "it is known already"
    after_a_restart_of_the_agent = BoundUnits(bound.dump())
    assert after_a_restart_of_the_agent.went_with(unit("web.service", down=100)) == "db.service"
    assert after_a_restart_of_the_agent.went_with(unit("web.service", down=300)) == "", "a person stopped it since"
    assert after_a_restart_of_the_agent.dump() == {}


def test_who_takes_it_out_of_the_boot_does_not_want_it() -> None:
    bound = BoundUnits({})
    assert bound.note(unit("web.service", **NEVER_UP, UnitFileState="enabled"), DB)
    assert bound.went_with(unit("web.service", **NEVER_UP, UnitFileState="disabled")) == ""


def test_an_unfit_memory_is_none() -> None:
    assert BoundUnits({"a.service": "x", "b.service": [1, 2], "c.service": ["1"]}).dump() == {}


def test_only_what_is_told_of_counts_as_company() -> None:
    shown = {"RequiredBy": "local-fs.target web.service", "BoundBy": "web.service odd@x.service srv-data.mount"}
    assert dependents_of(shown) == ("odd@x.service", "srv-data.mount", "web.service")
    assert needs_of({"Requires": "sysinit.target db.service", "BindsTo": "dev-sda.device"}) == ("db.service",)
