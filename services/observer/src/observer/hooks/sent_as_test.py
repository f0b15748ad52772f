"""Did somebody press the button that sends a test? A whole title, line or kind says so, or a truth value. Pure.

Never a part of a sentence: "Self-test of disk 3 failed" is trouble.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mesh_core.models.owner_labels import bare_key
from mesh_core.models.truth import truth_in
from observer.hooks.plain_words import lines_of, only_names, plain_words

_FLAGS = frozenset({"test", "istest", "testmode"})
_TITLES = frozenset({"title", "subject", "summary", "headline", "alertname", "eventdefinitiontitle"})
_SAID_IN = _TITLES | {
    *("message", "msg", "text", "content", "body", "description"),
    *("event", "eventname", "eventtype", "notificationtype", "alerttype", "type", "kind", "action"),
}
_MOST_CHARS = 120
_MOST_TEXT_CHARS = 2000
_WHAT = (
    r"(?:e ?mail|mail|web ?hook|hook|push|ping|slack|discord|telegram|connection"
    r"|alert|alarm|notification|message|event)"
)
_BARE = r"(?:this is )?(?:just )?(?:an? |the )?test(?:ing)?"
# A few words may say who sends it: before it, or behind "from" and the like, where it is a test of a message.
_ENGLISH = (
    rf"(?:this is )?(?:just )?(?:an? |the )?(?:{_WHAT} )*test(?:ing)?(?: {_WHAT})+"
    rf"(?: (?:from|of|for|by|via|sent)(?: \w+){{1,5}})?"
    rf"|{_BARE}"
    rf"|this is (?:just )?(?:an? |the )?(?:{_WHAT} )+test(?:ing)?"
)
# What may also be the name of a check: "Ping test" is down.
_OF_A_CHECK = re.compile(rf"(?:\w+ ){{0,3}}(?:{_WHAT} )+test(?:ing)?")
# Of the message that one reads, not of something else that is tested.
_OF_ITSELF = re.compile(
    rf"this is (?:just |only )?(?:an? |the )?(?:{_WHAT} )*"
    rf"(?:test {_WHAT}(?: (?:from|of|for|by|via|sent|to)(?: \w+){{1,8}})?"
    rf"|test of (?:the |your )?{_WHAT}(?: \w+){{0,6}})"
)
_BARE_TEST = re.compile(_BARE)  # above other lines it may be the name of anything
_NAMED = rf"(?:\w+ ){{1,3}}test {_WHAT}"
_SENDER = re.compile(r"\A\W*\[[^\]]{1,40}\]\s*")  # before the words, in brackets
_MARKED = re.compile(r"\W*\[test\]", re.IGNORECASE)
_WRONG = re.compile(
    r"\b(?:fail\w*|down|offline|critical|errors?|unhealthy|unreachable|degraded|full|lost|missing|dead|denied|broken"
    r"|attack\w*|brute\w*|intru\w*)\b"
)
_THIS_IS = (
    r"(?:(?:dies|das) ist |dit is |ceci est |c est |esto es |este es |questo è |isto é |det (?:här )?(?:är|er) )?"
    r"(?:\w{1,5} )?"
)
_FROM = r"(?: (?:von|vom|van|fra|från|de|desde|depuis|envoyée?|da|do)(?: \w+){1,6})?"
_OTHERS = (
    rf"{_THIS_IS}test ?(?:benachrichtigung|nachricht|meldung|alarm|mail|bericht|melding|meddelelse|meddelande|varsel)"
    rf"{_FROM}",
    rf"{_THIS_IS}(?:notification|message|alerte) de test{_FROM}",
    rf"{_THIS_IS}(?:notificaci[oó]n|mensaje|alerta) de prueba{_FROM}",
    rf"{_THIS_IS}(?:notifica|messaggio|avviso) di (?:prova|test){_FROM}",
    rf"{_THIS_IS}(?:notificação|mensagem|alerta) de teste{_FROM}",
    r"(?:powiadomienie|wiadomość) testow[ea]",
    r"тестовое (?:уведомление|сообщение|оповещение)",
    r"测试(?:通知|消息|告警|信息)",
    r"テスト(?:通知|メッセージ|アラート)",
    r"테스트 ?(?:알림|메시지)",
)
_TEST = re.compile("|".join((_ENGLISH, _NAMED, *_OTHERS)))


def is_sent_as_test(body: Mapping[str, Any], title: str = "", *, is_severe: bool = False) -> bool:
    """By the fields at its top and its `title`; what its sender quotes further down does not count.

    `is_severe`: others of its fields say that something is wrong, so "Ping test" is a check, and no test of its sender.
    A title that says what is wrong is one, whatever stands in the text below it; but for one that is marked (`[TEST]`)
    above a text that says so: either alone may be a name for some of one's hosts, or a stranger's.
    """
    fields = [(bare_key(key), value) for key, value in list(body.items())[:200]]
    if any(name in _FLAGS and truth_in(value) is True for name, value in fields):
        return True
    titles = [value for name, value in fields if name in _TITLES and isinstance(value, str)]
    texts = [value for name, value in fields if name in _SAID_IN and isinstance(value, str)]
    if any(map(_MARKED.match, titles)) and any(map(_has_a_line_of_a_test, texts)):
        return True
    if any(_says_what_is_wrong(text) and not says_test(text) for text in titles):
        return False
    said = [title, *texts]
    return any(map(says_test, said)) or (not is_severe and any(map(_is_named_test, said)))


def says_test(text: str) -> bool:
    """Is the first line of it wholly a sender's word for a test, or all below a line that only names who says it? Case,
    marks and pictures around the words do not count. What calls itself a test may say more behind that sentence."""
    first, *rest = lines_of(text[:_MOST_TEXT_CHARS]) or [""]
    if _is_test(first) and not (rest and _fits(_BARE_TEST, first)):
        return True
    said = [line for line in rest if not line.endswith(":")]  # whatever headings they stand under
    return only_names(first) and not _says_what_is_wrong(first) and bool(said) and all(map(_is_test, said))


def _has_a_line_of_a_test(text: str) -> bool:
    lines = lines_of(text[:_MOST_TEXT_CHARS])
    return any(_is_test(line) or _fits(_TEST, re.split(r"[.!:;] ", line, maxsplit=1)[0]) for line in lines)


def _is_named_test(text: str) -> bool:
    """All of it, and not what came of it: "Connection test"."""
    line = _SENDER.sub("", text)
    return len(lines_of(line)) == 1 and _fits(_OF_A_CHECK, line) and not _says_what_is_wrong(text)


def _says_what_is_wrong(text: str) -> bool:
    return _WRONG.search(plain_words(text, _MOST_CHARS)) is not None


def _is_test(line: str) -> bool:
    line = _SENDER.sub("", line)
    sentence = re.split(r"[.!:;] ", f"{line} ", maxsplit=1)[0]
    return _fits(_TEST, line) or _fits(_OF_ITSELF, sentence)


def _fits(pattern: re.Pattern[str], text: str) -> bool:
    return len(text) <= _MOST_CHARS and pattern.fullmatch(plain_words(text, _MOST_CHARS)) is not None
