"""A proposal keeps which rule spoke for it, and of each other choice why it was not taken."""

from __future__ import annotations

from typing import Any

from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.policy.considered import considered_for, rule_cited
from mesh_core.policy.policy import Policy
from mesh_core.policy.track_record import NOTHING_KNOWN, TrackRecord

POLICY = Policy.load(None)
GIB = 2**30
DISK = {"mount": "/var", "used_percent": 97}
FOUND = {
    "disk": DISK,
    "journal": {"bytes": 4 * GIB, "mount": "/var"},
    "packages": {"cache_bytes": GIB, "manager": "apt", "mount": "/var"},
}


def full(**found: Any) -> HealthEvent:
    payload = {**DISK, "investigation": found}
    return HealthEvent(type="disk_space_low", node="nas", severity=Severity.CRITICAL, payload=payload, trust=Trust.NODE)


def down(service: str) -> HealthEvent:
    return HealthEvent(type="service_down", node="nas", service=service, trust=Trust.FOREIGN)


def why_not(event: HealthEvent, chosen: str = "", past: TrackRecord = NOTHING_KNOWN) -> dict[str, str]:
    allowed = POLICY.allows(event, past)
    return {c.choice: c.why_not for c in considered_for(event, allowed, chosen or allowed.preferred, past)}


def said(event: HealthEvent) -> tuple[str, str]:
    cited = rule_cited(event, POLICY.allows(event))
    assert cited is not None
    return cited.name, cited.says


def test_what_was_possible_comes_before_what_lacks_something() -> None:
    told = why_not(full(**FOUND))
    assert next(iter(told)) == "package_cache_clean"
    assert told["package_cache_clean"] == "possible as well, and ranked behind journal vacuum"
    assert "found no" in told["tmp_clean"]
    assert not {"journal_vacuum", "notify", "ignore"} & told.keys()


def test_what_a_model_passed_by_or_what_failed_here_is_told_so() -> None:
    event = full(**FOUND)
    assert why_not(event, "package_cache_clean")["journal_vacuum"].endswith("a model chose otherwise")
    failed = TrackRecord(failed={"journal_vacuum": "2026-05-05T10:00:00Z"})
    assert why_not(event, past=failed)["journal_vacuum"] == "it did not help here on 2026-05-05"


def test_what_lacks_something_but_helped_here_before_is_named_first_of_those() -> None:
    past = TrackRecord(proven=frozenset({"tmp_clean"}))
    assert list(why_not(full(**FOUND), past=past))[:2] == ["package_cache_clean", "tmp_clean"]


def test_a_fence_says_in_its_own_words_why_not() -> None:
    assert why_not(down("sshd"))["restart"] == "sshd is on the never list: the mesh or its access depends on it"


def test_the_rule_is_cited_with_what_changed_its_preference() -> None:
    assert said(full(**FOUND)) == ("disk-space", "a disk is nearly full")
    name, says = said(down("sshd"))
    assert name == "never"
    assert says.startswith("its process does not run; sshd is on the never list")
    name, says = said(full(disk=DISK))
    assert name == "needs"
    assert says.startswith("a disk is nearly full; journal vacuum: the agent found no journal.bytes")
