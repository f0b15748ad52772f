"""Did somebody press the button that sends a test? A whole title, message or kind says so, or a truth value. Pure.

Never a part of a sentence: "Self-test of disk 3 failed" is trouble.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mesh_core.models.owner_labels import bare_key
from mesh_core.models.truth import truth_in
from observer.hooks.plain_words import plain_words

_FLAGS = frozenset({"test", "istest", "testmode"})
_SAID_IN = frozenset(
    {
        *("title", "subject", "summary", "headline", "message", "msg", "text", "content", "body", "description"),
        *("event", "eventname", "eventtype", "notificationtype", "alertname", "alerttype", "type", "kind", "action"),
    }
)
_MOST_CHARS = 120
_WHAT = (
    r"(?:e ?mail|mail|web ?hook|hook|push|ping|slack|discord|telegram|connection"
    r"|alert|alarm|notification|message|event)"
)
# A few words may say who sends it: before it, or behind "from" and the like, where it is a test of a message.
_ENGLISH = (
    rf"(?:this is )?(?:just )?(?:an? |the )?(?:{_WHAT} )*test(?:ing)?"
    rf"(?:(?: {_WHAT})+(?: (?:from|of|for|by|via|sent)(?: \w+){{1,5}})?)?"
)
_NAMED = rf"(?:\w+ ){{1,3}}(?:test {_WHAT}|{_WHAT} test)"
_OTHERS = (
    r"test ?(?:benachrichtigung|nachricht|meldung|alarm|mail|bericht|melding|meddelelse|meddelande|varsel)",
    r"(?:ceci est )?(?:une? )?(?:notification|message|alerte) de test",
    r"(?:esto es )?(?:una? )?(?:notificaci[oó]n|mensaje|alerta) de prueba",
    r"(?:notifica|messaggio|avviso) di (?:prova|test)",
    r"(?:notificação|mensagem|alerta) de teste",
    r"(?:powiadomienie|wiadomość) testow[ea]",
    r"тестовое (?:уведомление|сообщение|оповещение)",
    r"测试(?:通知|消息|告警|信息)",
    r"テスト(?:通知|メッセージ|アラート)",
    r"테스트 ?(?:알림|메시지)",
)
_TEST = re.compile("|".join((_ENGLISH, _NAMED, *_OTHERS)))


def is_sent_as_test(body: Mapping[str, Any]) -> bool:
    """Of the fields at its top; what its sender quotes further down does not count."""
    for key, value in list(body.items())[:200]:
        name = bare_key(key)
        if name in _FLAGS and truth_in(value) is True:
            return True
        if name in _SAID_IN and isinstance(value, str) and len(value) <= _MOST_CHARS and says_test(value):
            return True
    return False


def says_test(text: str) -> bool:
    """Is the whole of it a sender's word for a test? Case, marks and pictures around the words do not count."""
    return _TEST.fullmatch(plain_words(text, _MOST_CHARS)) is not None
