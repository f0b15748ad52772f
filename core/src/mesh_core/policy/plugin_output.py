"""What a check says in the one line that its plugin prints, where its documentation fixes how that begins. Pure.

The plugins of monitoring-plugins.org (check_procs, check_tcp, check_http) and check_systemd: a state, then what was
counted or how a connection ended. What a server answered stands behind that, and is not read.
"""

from __future__ import annotations

import re

OUTPUT_KEYS = frozenset({"output", "pluginoutput", "checkoutput", "serviceoutput", "checkresultoutput", "stateoutput"})
_STOPPED = re.compile(
    r"procs (?:critical|warning): 0 process(?:es)?\b"
    r"|(?:systemd )?critical(?: - |: )(?:service )?[\w.@-]{1,128}(?:: | is | )(?:failed|inactive|not running|dead)\b"
)
_UNANSWERED = re.compile(
    r"(?:(?:http|tcp|critical)[ a-z]{0,20}[:-] )?"
    r"(?:connect to address \S{1,80}(?: and port \d{1,5})?: connection refused"
    r"|connection refused\b|socket timeout\b|(?:cannot make|unable to open) (?:ssl|tcp) (?:connection|socket)"
    r"|no data (?:was )?received from host)"
)


def says_stopped(line: str) -> bool:
    """Of the thing that the check is for."""
    return _STOPPED.match(line.strip()[:300].lower()) is not None


def says_unanswered(line: str) -> bool:
    """Did nobody take the connection, or nobody answer in it?"""
    return _UNANSWERED.match(line.strip()[:300].lower()) is not None
