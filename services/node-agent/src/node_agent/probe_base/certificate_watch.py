"""Is the certificate that a target shows near its end? Pure: the clock is passed in. Connects to nothing.

It is trouble of the node, as a full disk is, and not of a service: what shows it runs and answers, and whether that is
well again must not wait for a new certificate. Several targets that show one certificate have one trouble.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mesh_core.incidents.event_types import EventType
from mesh_core.models.events import Severity
from mesh_core.models.records import rfc3339
from node_agent.checks.check_result import CheckResult, Condition
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.protocols.certificate import Certificate, certificate_in

DAY_SECONDS = 86400.0
WARN_DAYS = 14.0
SOON_DAYS = 3.0
# Of a short life a warning is about the last third, and the last tenth is soon: one of 24 hours is renewed each night.
LAST_PART, VERY_LAST_PART = 1 / 3, 1 / 10
MOST_NAMES = 5
RULE = ConfirmationRule(unhealthy_checks=2, healthy_checks=2)


def certificate_result(key: str, shown: bytes, now: float, warn_days: float, facts: dict[str, Any]) -> CheckResult:
    """`shown` is DER; b"", or what nobody can read, says nothing: neither that it is good nor that it is not."""
    if (certificate := certificate_in(shown)) is None:
        return CheckResult(key, None, Condition.UNKNOWN, RULE, facts=facts)
    left = certificate.ends_at - now
    warn = min(warn_days * DAY_SECONDS, certificate.lifetime_seconds * LAST_PART)
    soon = min(SOON_DAYS * DAY_SECONDS, certificate.lifetime_seconds * VERY_LAST_PART, warn)
    return CheckResult(
        key,
        None,
        Condition.UNHEALTHY if left <= warn else Condition.HEALTHY,
        RULE,
        EventType.CERTIFICATE_EXPIRING.value,
        Severity.ERROR if left <= soon else Severity.WARNING,
        {**facts, **_told(certificate, left, warn)},
    )


def _told(certificate: Certificate, left: float, warn: float) -> dict[str, Any]:
    first = certificate.names[0] if certificate.names else "without a name"
    return {
        "certificate": f"{first} ({certificate.digest})",
        "names": list(certificate.names[:MOST_NAMES]),
        "not_after": rfc3339(datetime.fromtimestamp(certificate.ends_at, UTC)),
        "days_left": int(left // DAY_SECONDS),
        "left_seconds": max(0, int(left)),
        "warn_seconds": int(warn),
    }
