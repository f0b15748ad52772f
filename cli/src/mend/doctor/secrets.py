"""Checks of the secrets that were given: can each be read, and by whom else. Shows none of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mend.doctor.finding import Finding, broken, ok, warning
from mesh_core.runtime.secret_files import BadSecret, read_secret

NAMES = (
    "REDIS_URL",
    "REDIS_PASSWORD",
    "ANTHROPIC_API_KEY",
    "LLAMACPP_API_KEY",
    "NOTIFY_URLS",
    "OBSERVER_TOKENS",
    "HOOKS_TOKEN",
    "HOOKS_SECRET",
)
OF_MANY_LINES = ("NOTIFY_URLS", "OBSERVER_TOKENS")


def check_secrets(environ: Mapping[str, str]) -> Iterator[Finding]:
    """One finding for each secret that was given as a file or credential, and for each that cannot be used."""
    for name in NAMES:
        try:
            found = read_secret(environ, name, many_lines=name in OF_MANY_LINES)
        except BadSecret as error:
            yield broken("secrets", str(error), "the services that need it do not start until then")
            continue
        if found is None or found.source == name:
            continue
        if found.warning:
            yield warning("secrets", found.warning, "")
        else:
            yield ok("secrets", f"{name} is read from a file ({found.source})")
