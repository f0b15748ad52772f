"""The stages are data: one table, read here as a person would."""

from __future__ import annotations

from executor_agent.runner.stages import stages_for
from mesh_core.actions.playbooks import PlaybookSet

REPAIR, OWN, MESSAGE = PlaybookSet("a", "l", "c"), PlaybookSet("a", "", ""), PlaybookSet("", "", "")


def test_every_repair_is_checked_applied_once_and_checked_to_want_nothing_more() -> None:
    assert [(s.log, s.playbook, s.options) for s in stages_for(REPAIR)] == [
        ("01_syntax", "apply.yml", ("--syntax-check",)),
        ("02_apply", "apply.yml", ()),
        ("03_check_idempotency", "converge.yml", ("--check",)),
    ]


def test_only_apply_can_change_a_host_and_only_one_stage_is_apply() -> None:
    for plays in (REPAIR, OWN, MESSAGE):
        changing = [s for s in stages_for(plays) if not {"--check", "--syntax-check"} & set(s.options)]
        assert [s.name for s in changing] == ([] if plays is MESSAGE else ["apply"])
        assert all(s.point_of_no_return for s in changing)
        assert sum(s.point_of_no_return for s in stages_for(plays)) == len(changing)


def test_what_takes_it_back_by_itself_is_read_before_anything_runs() -> None:
    names = [s.name for s in stages_for(PlaybookSet("a", "l", "c", undo="u", undone="d"))]
    assert names == ["syntax", "undo_syntax", "apply", "check_idempotency"]


def test_a_notification_has_no_stage_and_a_persons_playbook_is_asked_again_in_check_mode() -> None:
    assert stages_for(MESSAGE) == ()
    assert stages_for(OWN)[-1].playbook == "apply.yml"
    assert stages_for(OWN)[-1].options == ("--check",)
