"""What a body that is no JSON and no form says: a text is a message, a mail has a subject, XML has leaves. Pure.

Lines of a text are no fields: a `Service: web` in one may be a log, or a stranger's words that are quoted.
"""

from __future__ import annotations

import re

_MOST_FIELDS = 400
# Lines of a mail's head above its subject, each with those that continue it.
_SUBJECT = re.compile(
    r"\A(?:[A-Z][\w-]{0,40}:[^\n]*\n(?:[ \t][^\n]*\n){0,20}){0,40}?"
    r"(Subject|Betreff|Objet|Asunto|Oggetto|Assunto|Onderwerp)\s?: ?([^\n]*)\n?"
)
_LEAF = re.compile(r"<(?:[\w.-]{1,60}:)?([A-Za-z][\w.-]{0,60})(?:\s[^<>]{0,500})?>([^<>]{1,8192})</")


def is_text(media: str) -> bool:
    """By the first part of its Content-Type."""
    return media.startswith("text/") or media.endswith(("/xml", "+xml"))


def fields_of_text(text: str) -> dict[str, str]:
    """{} of one that says nothing."""
    text = text.strip("\ufeff\0 \t\r\n").replace("\r\n", "\n")
    if text.startswith("<") and (leaves := _leaves_of(text)):
        return leaves
    mail = _SUBJECT.match(text)
    said = {"subject": mail[2].strip(), "message": text[mail.end() :].strip()} if mail else {"message": text}
    return {key: words for key, words in said.items() if words}


def _leaves_of(text: str) -> dict[str, str]:
    """The first of each name, which in what is sent stands before what it quotes."""
    found: dict[str, str] = {}
    for leaf in _LEAF.finditer(text):
        if said := leaf[2].strip():
            found.setdefault(leaf[1], said)
        if len(found) == _MOST_FIELDS:
            break
    return found
