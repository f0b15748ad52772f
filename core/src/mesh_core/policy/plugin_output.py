"""What a check says in the one line that its plugin prints, where its documentation fixes how that begins. Pure.

The plugins of monitoring-plugins.org (check_procs, check_tcp, check_http) and check_systemd: a state, then what was
counted or how a connection ended. What a server answered stands behind that, and is not read.
"""

from __future__ import annotations

import re

OUTPUT_KEYS = frozenset({"output", "pluginoutput", "checkoutput", "serviceoutput", "checkresultoutput", "stateoutput"})
_CRITICAL = r"(?:critical|critique|kritisch|crítico|critico|krytyczny)"  # as translated plugins print it
_REFUSED = (  # ECONNREFUSED as the C library says it
    r"(?:connection refused|verbindungsaufbau abgelehnt|connexion refusée|conexión rehusada|connessione rifiutata"
    r"|conexão recusada|verbinding is geweigerd|połączenie odrzucone|в соединении отказано"
    r"|拒绝连接|接続を拒否されました)"
)
_STOPPED = re.compile(
    r"procs (?:critical|warning): 0 process(?:es)?\b"
    r"|(?:systemd )?critical(?: - |: )(?:service )?[\w.@-]{1,128}(?:: | is | )(?:failed|inactive|not running|dead)\b"
    rf"|(?:[a-z0-9_]{{1,20}} )?{_CRITICAL} ?[:-] (?:service |process |daemon )?'?[\w.@-]{{1,64}}(?: \d{{1,3}})?'?"
    r" (?:is|has) not (?:been )?running\b"
)
_UNANSWERED = re.compile(
    rf"(?:(?:http|tcp|{_CRITICAL})[ a-z]{{0,20}}[:-] )?"
    rf"(?:connect to address \S{{1,80}}(?: and port \d{{1,5}})?: {_REFUSED}"
    rf"|{_REFUSED}|socket timeout\b|(?:cannot make|unable to open) (?:ssl|tcp) (?:connection|socket)"
    r"|no data (?:was )?received from host)"
)

# What a container's health check says that cannot be made: its tool is not in the image, or is called in a wrong way.
CHECK_KEYS = frozenset({"check", "healthoutput", "healthlog", "healthcheckoutput", "lasthealthoutput", "checkoutput"})
_NO_CHECK = re.compile(
    r"(?:curl|wget|nc|bash|sh|exec|python3?|[\w./-]{1,64}): (?:\d+: )?(?:command )?not found\b"
    r"|executable file not found|oci runtime exec failed|no such file or directory|permission denied"
    r"|flag needs an argument|unknown (?:option|flag)|unrecognized option|\bexit (?:code )?12[67]\b"
)
_MARKED_WELL = re.compile(r"(?:\[(?:healthy|ok|pass(?:ed)?)\] [^\n]*(?:\n|$))+")
_ANSWERED = re.compile(r"\b(?:http/[\d.]{1,3} |error: |status(?: code)?:? ?)(?:401|403|404|405|429)\b")


def says_no_check(lines: str) -> bool:
    """Could the check itself not be made, was it answered that it asks for the wrong thing, or is every line of it
    marked as well although it failed?"""
    text = lines[:2000].lower()
    contradicts_itself = _MARKED_WELL.fullmatch(text) is not None
    return contradicts_itself or _NO_CHECK.search(text) is not None or _ANSWERED.search(text) is not None


def says_stopped(line: str) -> bool:
    """Of the thing that the check is for."""
    return _STOPPED.match(line.strip()[:300].lower()) is not None


def says_unanswered(line: str) -> bool:
    """Did nobody take the connection, or nobody answer in it?"""
    return _UNANSWERED.match(line.strip()[:300].lower()) is not None
