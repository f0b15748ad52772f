"""Which rule a title names, in a form that its sender documents. Pure.

`[FIRING:2] DiskWillFill nas (...)` is Alertmanager's own template, which mails, chats and paging services pass on:
the rule and the labels' values. `[P2] [Triggered on {host:nas}] Disk will fill` is Datadog's: state, scope, monitor.
Whom an alert concerns is never read of a title: what stands there may be a stranger's.
"""

from __future__ import annotations

import re

_FIRST_WORD = re.compile(r"\[(?:FIRING|RESOLVED)(?::\d+)?\] +([A-Za-z]\w{2,99})(?= |$)")
_BEHIND_SCOPE = re.compile(r"(?:\[P\d\] *)?\[[A-Z][A-Za-z -]{0,30} on \{[^{}\]]{0,200}\}\] *(\S.{1,118})")


def rule_in_title(title: str) -> str:
    """'' where it has none of these forms."""
    found = _FIRST_WORD.match(title) or _BEHIND_SCOPE.fullmatch(title)
    return found[1].strip() if found else ""
