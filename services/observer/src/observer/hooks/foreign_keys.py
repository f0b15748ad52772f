"""Keys that people write into scripts of their own in their language, as the English ones that the tables know. Pure.

Only words that mean one thing as a key; values stay as they are. Accents may be left out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from mesh_core.models.owner_labels import bare_key

_MOST_LEVELS = 4
_MOST_KEYS = 400  # of one object: more are no script's
# German, French, Spanish, Portuguese, Italian, Dutch, Polish, Czech, Nordic, Turkish, Russian, Chinese, Japanese,
# Korean.
_WORDS = {
    "host": "hôte poste equipo хост 主机 主機 ホスト 호스트",
    "node": "knoten noeud nœud nodo nó węzeł uzel узел нода 节点 節點 ノード 노드",
    "server": "serveur servidor serwer sunucu сервер 服务器 サーバ サーバー 서버",
    "machine": "máquina macchina maszyna машина",
    "computer": "rechner ordinateur komputer počítač компьютер",
    "service": "dienst servicio serviço servizio usługa usluga služba tjeneste tjänst palvelu hizmet сервис служба"
    " услуга 服务 服務 サービス 서비스",
    "container": "conteneur contenedor contêiner contentor contenitore kontener kontejner контейнер 容器 コンテナ"
    " コンテナー 컨테이너",
    "unit": "einheit unité unidad unidade unità jednostka юнит ユニット",
    "process": "prozess processus proceso processo proces процесс 进程 進程 プロセス 프로세스",
    "program": "programm programme programa programma программа プログラム 프로그램",
    "app": "anwendung aplicación aplicação applicazione aplikacja aplikace приложение 应用 应用程序 アプリ",
    "daemon": "dämon démon demonio demone демон",
    "state": "zustand état statut estado stato staat toestand stan stav tilstand tila durum состояние статус 状态 狀態"
    " 状態 ステータス 상태",
    "severity": "schweregrad gravité gravedad gravidade gravità ernst waga závažnost важность критичность серьёзность"
    " 严重性 严重程度 重要度 深刻度 심각도",
    "level": "stufe niveau nivel nível livello poziom úroveň уровень 级别 等级 級別 レベル",
    "title": "titel titre título titolo tytuł заголовок 标题 標題 タイトル 제목",
    "subject": "betreff asunto assunto oggetto temat тема 主题 件名",
    "message": "meldung nachricht mensaje mensagem messaggio wiadomość komunikat zpráva melding meddelande mesaj"
    " сообщение 消息 内容 信息 訊息 メッセージ 메시지",
    "text": "текст 本文 正文",
    "description": "beschreibung descripción descrição descrizione opis popis omschrijving описание 描述 説明",
    "details": "einzelheiten detalle detalles detalhe detalhes dettaglio dettagli szczegóły подробности 详情 詳細",
    "check": "prüfung verificación vérification verificação verifica surveillance проверка 检查 檢查 チェック",
    "monitor": "监控 監視",
    "alarm": "alerte alarme alerta alarma allarme тревога оповещение 告警 报警 警报 アラート 알림",
    "event": "ereignis événement evento zdarzenie событие 事件 イベント olay",
    "job": "aufgabe tâche tarea tarefa zadanie задача 任务",
    "error": "fehler erreur errore erro błąd ошибка 错误 エラー",
    "cause": "ursache causa przyczyna причина 原因",
    "result": "ergebnis résultat resultado risultato wynik výsledek результат 结果 結果",
    "exit_code": "退出码 終了コード",
    "note": "bemerkung hinweis nota uwaga poznámka примечание 备注 備考",
    "log": "лог журнал 日志 ログ",
}


def in_english(body: Mapping[str, Any], level: int = 0) -> dict[str, Any]:
    """With each such key as the English one, where no other is called so; the rest as it came."""
    if len(body) > _MOST_KEYS:
        return dict(body)
    there = set(map(bare_key, body))
    found: dict[str, Any] = {}
    for key, value in body.items():
        ours = english_of(key)
        is_free = ours != key and bare_key(ours) not in there and ours not in found
        inner = in_english(value, level + 1) if isinstance(value, dict) and level < _MOST_LEVELS else value
        found[ours if is_free else key] = inner
    return found


def english_of(key: str) -> str:
    """The key itself where it is none of these words."""
    return _ENGLISH.get(_letters(bare_key(key)), key)


def _letters(word: str) -> str:
    """Without accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))


_ENGLISH = {_letters(word): ours for ours, words in _WORDS.items() for word in words.split()}
