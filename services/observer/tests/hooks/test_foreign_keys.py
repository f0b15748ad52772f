"""Keys in the language of whoever wrote the script are the English ones, also in lists of names and values."""

from __future__ import annotations

from typing import Any

import pytest
from alert_rig import event_with, one

from mesh_core.policy.names.known_names import KnownNames
from observer.hooks.alert import Alert
from observer.hooks.foreign_keys import in_english
from observer.hooks.senders.any_json import alerts_in

OURS = KnownNames(hosts={"barn": "", "loft": ""})
Body = dict[str, Any]
FACTS = [{"title": "Rechner", "value": "barn"}, {"title": "Dienst", "value": "wiki"}]


def read(body: Body) -> Alert:
    found = one(alerts_in(body))
    assert isinstance(found, Alert), found
    return found


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"主机": "barn", "容器": "wiki", "级别": "错误", "日志": "segfault"}, ("barn", "wiki", "error")),
        ({"ホスト": "barn", "サービス": "wiki", "重要度": "緊急", "備考": "応答なし"}, ("barn", "wiki", "critical")),
        ({"узел": "loft", "процесс": "wiki", "уровень": "ошибка", "текст": "не отвечает"}, ("loft", "wiki", "error")),
        ({"węzeł": "loft", "kontener": "wiki", "poziom": "ostrzeżenie"}, ("loft", "wiki", "warning")),
        ({"nodo": "barn", "servicio": "wiki", "gravedad": "crítica", "mensaje": "x"}, ("barn", "wiki", "critical")),
        ({"titel": "Wiki hängt", "facts": FACTS}, ("barn", "wiki", "warning")),
        ({"hôte": "barn", "serveur": "elsewhere", "conteneur": "wiki", "état": "figé"}, ("barn", "wiki", "warning")),
    ],
)  # fmt: skip
def test_keys_of_other_languages_say_the_same(body: Body, said: tuple[str, str, str]) -> None:
    event = event_with(read(body), OURS)
    assert (event.node, event.service, event.severity.value) == said


def test_an_end_is_told_by_a_state_in_any_language() -> None:
    assert not read({"主机": "barn", "服务": "wiki", "状态": "OK"}).firing
    assert read({"主机": "barn", "服务": "wiki", "状态": "超时"}).firing


def test_an_english_key_stands_and_what_is_kept_is_what_came() -> None:
    assert in_english({"host": "barn", "hôte": "loft"}) == {"host": "barn", "hôte": "loft"}
    assert in_english({"etat": {"estado": "x"}}) == {"state": {"state": "x"}}
    many = {f"k{number}": "" for number in range(500)} | {"hôte": "loft"}
    assert in_english(many) == many  # no script's
    body = {"主机": "barn", "消息": "wiki 无响应"}
    assert read(body).details.items() >= body.items()
