"""What commands print of many things or in several lines, and of which one line is about the very service: systemctl,
docker ps, scripts of init, OpenRC, rcctl, sc of Windows. Pure; a line that names another thing says nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_LONGEST, _LONGEST_LINE, _MOST_LINES = 4000, 300, 200
_SINCE = r"(?: since [\w :.+-]+(?:; [\w ]+ ago)?)?"
ACTIVE_STATES = "active|inactive|failed|activating|deactivating|reloading"
_STATE = rf"(?P<active_state>{ACTIVE_STATES}) \((?:Result: (?P<result>[a-z-]+)|(?P<sub_state>[a-z-]+))\)"
_NAME = r"(?P<name>[\w@.:/\\-]+)"
_UNIT = re.compile(rf"(?:{_NAME} )?{_STATE}{_SINCE}")
CONTAINER = re.compile(r"(?P<status>(?:[Uu]p [\w ]+|[Ee]xited \(\d{1,3}\)[\w ]*)(?: \([a-z: ]+\))?)")
_SYSTEMCTL = (
    *(re.compile(rf"Active: {_STATE}.*"), _UNIT, re.compile(r"(?P<active_state>failed|inactive)")),
    re.compile(rf"(?:[●○×*] ?)?{_NAME} +loaded +(?P<active_state>{ACTIVE_STATES}) +(?P<sub_state>[a-z-]+)(?: .*)?"),
)
_TITLE = re.compile(rf"[●○×*] ?{_NAME}(?: - .*)?")  # the first line of `systemctl status`; its third is `Active:`
_PS = (  # alone, or with an id, an image or ports beside it, and then with its name
    CONTAINER,
    re.compile(
        r"(?P<row>.*)\b(?P<status>[Uu]p (?:about )?(?:\d+|an?) \w+(?: \([a-z: ]+\))?|[Ee]xited \(\d{1,3}\)[\w ]*?)"
        r"(?P<rest>(?:\s.*)?)"
    ),
)
_SCRIPT = (
    re.compile(r"\W{0,3}(?:status: ?)?(?P<process_state>crashed|stopped|started)"),
    re.compile(rf"{_NAME} (?:is )?(?P<process_state>not running|stopped|running|dead but .+|crashed)\.?"),
    re.compile(rf"{_NAME}\((?P<process_state>failed|ok)\)"),
)
# A service of Windows that failed ends with a code; one that a person stopped with none.
_SC = (
    re.compile(r".*\bSTATE *: *1 +(?P<process_state>STOPPED)\b.*\bWIN32_EXIT_CODE *: *[1-9].*"),
    re.compile(r".*\bSTATE *: *4 +(?P<process_state>RUNNING)\b.*"),
)
_BY_COMMAND = (
    (
        re.compile(r"(?:systemctl|systemd)(?:status|isactive|isfailed|failed|listunits)?|isactive|active|failedunits"),
        _SYSTEMCTL,
    ),
    (re.compile("output"), _SYSTEMCTL[-1:]),
    (re.compile(r"(?:docker|podman|nerdctl|dockercompose)psa?"), _PS),
    (re.compile(r"(?:rcservice|rcctl|service|etcinitd|etcrcd)(?:status|check)?|rcstatus|lpstatr"), _SCRIPT),
    (re.compile(r"sc(?:exe)?query(?:ex)?"), _SC),
)


def shown_by(command: str, answer: Any, own: str) -> dict[str, str]:
    """The manager's own fields, as a command (folded) shows them of `own`; {} where it says nothing of it."""
    forms = next((forms for called, forms in _BY_COMMAND if called.fullmatch(command)), ())
    for line in _lines(answer) if forms else ():
        if (title := _TITLE.fullmatch(line)) and not _is_called(title["name"], own):
            return {}
        said = next(filter(None, (form.fullmatch(line) for form in forms)), None)
        fields = {key: word for key, word in said.groupdict().items() if word} if said else {}
        beside = f"{fields.pop('row', '')} {fields.pop('rest', '')}".split()
        if fields and _is_called(fields.pop("name", own), own) and (not beside or own in beside):
            return fields
    return {}


def _is_called(name: str, own: str) -> bool:
    return name.removesuffix(".service") == own or (name == "scheduler" and own.startswith("cups"))


def _lines(answer: Any) -> Iterator[str]:
    """Each by itself, and a short answer as one line as well: `sc query` parts what belongs together."""
    listed = answer[:_MOST_LINES] if isinstance(answer, list) else [answer]
    for text in listed:
        if isinstance(text, str):
            lines = [line.strip()[:_LONGEST_LINE] for line in text[:_LONGEST].splitlines()[:_MOST_LINES]]
            yield from lines
            if len(lines) > 1:
                yield " ".join(" ".join(lines).split())[:_LONGEST_LINE]
