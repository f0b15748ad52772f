"""What is documented changes what is preferred, and never what is offered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from policy_rig import COMPOSE, DOCKER, IGNORE, NOTIFY, REDEPLOY, RESTART, event

from mesh_core.policy.classifier.classifier import HARMS, Classifier, Learnt
from mesh_core.policy.current_config import ConfigReader
from mesh_core.policy.policy import Allowed, Policy
from mesh_core.runbooks.index import RunbookIndex
from mesh_core.runbooks.runbook import Runbook


def allows(event_type: str, payload: dict[str, Any], policy: str = "", **runbook: Any) -> tuple[Allowed, Allowed]:
    """(with that runbook, without any)."""
    told = event(event_type, payload)
    index = RunbookIndex([Runbook(**({"id": "r1", "title": "Some trouble"} | runbook))] if runbook else [])
    shipped = Policy.load(None, runbooks=index)
    return shipped.allows(told), Policy.load(None, runbooks=RunbookIndex([])).allows(told)


DOWN = DOCKER | {"status": "exited", "exit_code": 1}


def test_what_cannot_help_is_not_preferred_and_stays_to_be_chosen() -> None:
    known, unknown = allows("container_died", DOWN, alerts=("container_died",), useless=(RESTART,))
    assert unknown.preferred == RESTART
    assert (known.preferred, known.rule) == (NOTIFY, "runbook")
    assert known.actions == unknown.actions
    assert "the runbook r1 says that restart cannot help" in known.reason
    assert known.runbook
    assert known.order[0] == NOTIFY


def test_what_is_documented_is_preferred_among_what_is_offered(tmp_path: Path) -> None:
    known, unknown = allows("http_probe", {}, alerts=("http_probe",), useless=(RESTART,), helps=(REDEPLOY,))
    assert (known.preferred, known.actions) == (NOTIFY, unknown.actions), "what is not offered is not added"
    own = Runbook(id="r1", title="t", alerts=("odd",), helps=(RESTART,), own=True)
    told = _with(tmp_path, own).allows(event("odd", DOCKER))
    assert (told.preferred, told.rule) == (RESTART, "runbook")


@pytest.mark.parametrize(
    ("event_type", "payload", "preferred"),
    [
        # A word, a fact, a contradiction: the rule knows why it is careful.
        ("container_unhealthy", DOCKER | {"log_tail": "no space left on device"}, NOTIFY),
        ("container_unhealthy", DOCKER | {"log_tail": "psql: could not connect to server"}, NOTIFY),
        ("service_down", DOCKER | {"restart_count": 9, "status": "exited"}, NOTIFY),
        ("db_health", DOCKER, NOTIFY),
        ("container_died", DOWN | {"resolved": True, "status": "resolved"}, IGNORE),
        ("service_recovered", {}, IGNORE),
    ],
)
def test_no_runbook_makes_a_careful_rule_bold(event_type: str, payload: dict[str, Any], preferred: str) -> None:
    known, unknown = allows(event_type, payload, alerts=(event_type,), helps=(RESTART, REDEPLOY), useless=(IGNORE,))
    assert (known.preferred, unknown.preferred) == (preferred, preferred)
    assert known.actions == unknown.actions


def test_a_rule_of_a_person_hears_only_runbooks_of_a_person(tmp_path: Path) -> None:
    shipped = Runbook(id="r1", title="t", alerts=("odd",), helps=(RESTART,))
    told = _with(tmp_path, shipped).allows(event("odd", DOCKER))
    assert (told.preferred, told.rule) == (NOTIFY, "odd")
    assert told.runbook


def test_the_never_list_holds_against_a_runbook(tmp_path: Path) -> None:
    own = Runbook(id="r1", title="t", services=("redis",), helps=(RESTART,), own=True)
    told = _with(tmp_path, own).allows(event("odd", DOCKER | {"container": "redis"}, service="redis"))
    assert told.actions == {NOTIFY}
    assert told.preferred == NOTIFY


def test_a_guess_is_cited_and_changes_nothing() -> None:
    parts = {"parts": (("cache",), ("cold",)), "useless": (RESTART,)}
    payload = DOWN | {"alertname": "MyCacheCold"}
    known, unknown = allows("container_died", payload, **parts)
    assert known.runbook
    assert not known.runbook.is_certain
    assert (known.preferred, known.reason) == (unknown.preferred, unknown.reason)


def test_a_persons_own_runbook_counts_from_the_moment_it_lies_there(tmp_path: Path) -> None:
    reader = ConfigReader(tmp_path)
    died = event("container_died", DOWN | COMPOSE)
    assert _preferred(reader, died) == RESTART
    folder = tmp_path / "config" / "runbooks"
    folder.mkdir(parents=True)
    (folder / "web.md").write_text("---\nservices: [web]\nuseless: [restart]\n---\nIt needs its key first: ask Ann.\n")
    assert _preferred(reader, died) == NOTIFY
    (folder / "web.md").unlink()
    assert _preferred(reader, died) == RESTART


def _preferred(reader: ConfigReader, told: Any) -> str:
    policy = reader.policy()
    assert isinstance(policy, Policy)
    return policy.allows(told).preferred


def _with(folder: Path, runbook: Runbook) -> Policy:
    """The shipped policy, with a rule for the type odd over it that prefers to tell people."""
    file = folder / "policy.yml"
    file.write_text(
        "rules: [{name: odd, when: {types: [odd]}, allow: [restart, notify], prefer: notify, reason: it is odd}]"
    )
    return Policy.load(file, runbooks=RunbookIndex([runbook]))


def test_nobody_doubts_what_somebody_here_wrote_down() -> None:
    """A person's own runbook for this very trouble, also where the rule prefers already what that says."""
    said = {f"note {at}": f"{at}gear {at}wheel {at}belt" for at in "abcdef"}
    actions = (RESTART, REDEPLOY, NOTIFY, IGNORE)
    known = dict.fromkeys(" ".join(said.values()).split(), (0.0, 0.0, 0.0, 0.0))
    always_harm = Classifier(HARMS, (0.0, 0.0, 0.0, 9.0), {})
    by_words = Classifier(actions, (0.0, 0.0, 9.0, 0.0), known)
    learnt = Learnt(Classifier(actions, (0.0, 0.0, 9.0, 0.0), {}), by_words, always_harm)
    told = event("container_died", DOCKER | {"status": "exited", "exit_code": 1} | said)
    for alert, own, preferred in (
        ("container_died", True, RESTART),
        ("container_died", False, NOTIFY),
        ("other", True, NOTIFY),
    ):
        documented = Runbook(id="r1", title="t", alerts=(alert,), helps=(RESTART,), own=own)
        policy = Policy.load(None, runbooks=RunbookIndex([documented]))
        policy.learnt = learnt
        allowed = policy.allows(told)
        assert (allowed.preferred, RESTART in allowed.actions) == (preferred, preferred == RESTART), (alert, own)
