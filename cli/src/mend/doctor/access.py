"""Checks of who may come in at the observer's page, and of the log of what they decided. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from mend.doctor.finding import Finding, broken, ok, warning
from mesh_core.runtime.addresses import address_for
from mesh_core.runtime.secret_files import is_given
from mesh_core.runtime.services import OBSERVER, SERVICES
from mesh_core.security.users import BadPeople, Role, people_path, read_people
from mesh_core.storage.audit_log import AuditReport


def check_access(runtime: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Would the observer start as it is configured, and could somebody decide on its page?"""
    try:
        listen = address_for(environ.get("OBSERVER_LISTEN", ""), SERVICES[OBSERVER].port)
    except ValueError as error:
        yield broken("page", f"OBSERVER_LISTEN: {error}", "the observer does not start with it")
        return
    if listen is None:
        return
    try:
        people = read_people(people_path(runtime))
    except BadPeople as error:
        yield broken("page", str(error), "until then nobody can sign in, and the observer does not start anew")
        return
    tokens = is_given(environ, "OBSERVER_TOKENS")
    if people.empty and not tokens:
        if listen.loopback:
            yield ok("page", f"http://{listen}/: only this machine can reach it; `mend page` makes a sign-in link")
        else:
            yield broken(
                "page",
                f"{listen} can be reached from other machines, and nobody could sign in: the observer does not start",
                "mend users add NAME --role operator, or OBSERVER_LISTEN=127.0.0.1:8686",
            )
        return
    found = f"{len(people.users)} users and {len(people.tokens)} tokens may come in at {listen}"
    found += ", and those of OBSERVER_TOKENS" if tokens else ""
    roles = {user.role for user in people.users.values()} | {token.role for token in people.tokens.values()}
    if tokens or Role.OPERATOR in roles:
        yield ok("page", found)
    else:
        yield warning("page", f"{found}, but all of them only to look", "mend users role NAME operator")


def audit_finding(verdict: AuditReport) -> Finding:
    """What `mend audit verify` says, in one line."""
    if not verdict.problems:
        return ok("audit log", f"{verdict.lines} lines, every one as it was written")
    more = f" (and {len(verdict.problems) - 1} more)" if len(verdict.problems) > 1 else ""
    return broken(
        "audit log", f"{verdict.problems[0]}{more}", "mend audit verify; docs/runbook.md says what to make of it"
    )
