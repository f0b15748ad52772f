"""Does a field say that this very thing was restarted for its trouble already, and that it did not help? Pure; keys are
folded (`facts.py`).

A field of its own, in any shape and several languages: never what a program printed, nor a sentence that anybody may
write. It only takes a restart away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mesh_core.models.owner_labels import bare_key
from mesh_core.models.truth import truth_in
from mesh_core.models.whole_numbers import whole_in
from mesh_core.policy.event_facts.other_cause import NEEDED, SERVERS
from mesh_core.policy.event_facts.payload_fields import Field, is_of_itself, is_written_freely

_LONGEST, _MOST_LINES, _MOST_WORDS = 200, 20, 4
_RESTART = re.compile(
    r"restar[tc]|reboot|neu ?(?:ge)?start|red[ée]marr|relanc[ée]|reinici|reiníci|riavvi|herstart"
    r"|opnieuw (?:op)?gestart"
    r"|uruchom\w+ ponownie|ponown\w+ uruch|перезапу|перезагруз|重启|重啟|再起動|재시작"
)
# What is not about one that was made.
_OTHERWISE = re.compile(
    r"polic|delay|secs?$|seconds$|interval|window|required|needed|need|due|pending|limit|max|always|schedule"
    r"|condition"
    r"|order|can|may|allow|possible|uptime|count|enabl|disabl|autoheal"
)
_OF_ANOTHER_TIME = re.compile(r"prev|old|former|earlier|next|last(?:time|week|month|year|incident|night)")
_TRIED = re.compile(
    r"(?:tr(?:y|ied|ies)|attempt|took|taken|versuch|probier|essay|tenté|tentativ|tentad|intent|probado|provato"
    r"|geprobeerd|byhand"
    r"|prób|попыт|пробов|尝试|试过)"
)
# Where people and watchdogs say what they did; plans and other days stand there as well.
_DONE = re.compile(
    r"(?:last|auto|self|manual|past|recent)?(?:remediations?|recovery|repairs?|heal(?:ing|er)?|watchdog|steps"
    r"|actions?|history"
    r"|measures|operator|oncall|ops|workarounds?|fix(?:es)?|maßnahmen|massnahmen|mesures|medidas|azioni|maatregelen"
    r"|меры)"
)
_WHAT = frozenset(
    {"action", "type", "what", "step", "remedy", "command", "name", "kind", "last", "healaction", "method"}
)
_AFTER = re.compile(r"after|post|following|nach|après|apres|tras|después|despues|dopo|depois|^na|^po|после|后$|後$")
_ANOTHER = re.compile(r"second|third|another|2nd|3rd|zweite|dritte|segund|second[eo]|tweede|втор")
# What came of it, in a key beside the word for a restart or beside what was done; and what it is if that is true.
_HELPED = re.compile(
    r"help|fix|works|worked|success|succeed|effect|ok$|okay|cure|solve|heal|recovered|result|outcome|erfolg"
    r"|ergebnis|geholfen"
    r"|hilft|wirkung|aidé|effet|résultat|ayud|resultado|efecto|éxito|aiutato|risultato|esito|effetto|geholpen"
    r"|resultaat"
    r"|помог|результат|结果"
)
_DID_NOT = re.compile(
    r"(?:did|does|do)(?:not|nt)|not(?:help|fix)|invain|persist|surviv|remains|unaffected|nohelp|noeffect|useless"
)
_SPAN = r"(?:only |just |about )?(?:\d+|a few|some) ?(?:s|sec\w*|m|min\w*)\b"
_IN_VAIN = re.compile(
    r"\b(?:same|unchanged|identical|as before|in vain|useless|unresolved|no (?:change|effect|difference|improvement"
    r"|help|luck|success)"
    r"|still(?! (?:pending|due|fine|ok|running|up|healthy|works?|working))|nothing (?:changed|helped|better)"
    r"|(?:chang|did|does|fix|help|brought)\w* nothing|(?:did|does|do)(?: not|n't) (?:help|work|fix|change|bring|last)"
    r"|no longer helps|not helped|without (?:effect|success)|persists?|remains"
    r"|(?:fails?|hangs?|crash\w*|dies|died|down|dead|unhealthy|stuck) again|again (?:\d\d:\d\d,? )?(?:down|dead"
    r"|failing|unhealthy|stuck)"
    rf"|(?:back|up|ok|fine|work\w*|help\w*|healthy|running) for {_SPAN}|(?:back|again|down|dead) (?:after"
    rf"|within) {_SPAN}"
    r"|noch (?:immer|nicht|da)|immer noch|unverändert|bleibt|nichts (?:gebracht|geändert)|bringt nichts|half nicht"
    r"|hilft nicht"
    r"|kein\w* (?:unterschied|änderung|besserung|erfolg|wirkung)|ohne (?:erfolg|wirkung)|vergeblich|dasselbe"
    r"|das gleiche|wie vorher"
    r"|sans (?:effet|succès|résultat|changement)|toujours|pareil|idem|identique|persiste|même (?:erreur|problème)"
    r"|rien changé|en vain"
    r"|sin (?:efecto|éxito|cambios|mejora)|sigue|igual|mismo \w+|misma \w+|no (?:ayudó|ayuda|sirvió|sirve|cambió"
    r"|funcionó)|en vano"
    r"|(?:nessun|senza) (?:effetto|cambiamento|miglioramento|risultato|successo)|ancora|uguale|identico|stesso \w+"
    r"|stessa \w+"
    r"|non (?:aiuta|è servito|serve|cambia)|invano|sem (?:efeito|sucesso|mudança|resultado)|mesm[oa]|não (?:ajudou"
    r"|resolveu|adiantou)"
    r"|geen (?:verschil|effect|verbetering|resultaat)|hielp niet|helpt niet|nog steeds|hetzelfde|blijft"
    r"|zonder (?:effect|resultaat)"
    r"|bez (?:zmian|skutku|efektu)|nadal|to samo|nie pomog\w+|не помог\w*|без (?:изменений|результата|эффекта)"
    r"|то же|по-прежнему)(?!\w)"
    r"|无效|没用|没有用|依旧|仍然|一样|変化なし|変わらず|効果なし|改善せず|直らない|여전히|효과 없"
)
_FAILED = frozenset(
    {
        "failed",
        "failure",
        "unsuccessful",
        "none",
        "nothing",
        "error",
        "timeout",
        "not fixed",
        "ineffective",
        "not resolved",
    }
)
_WELL = re.compile(
    r"\b(?:ok|okay|fine|works?|worked|working|well|good|clean|better|gone|up|running|healthy|recovered|resolved"
    r"|fixed|fixes|solved|cured"
    r"|helps|helped|no (?:more )?errors?|geholfen|half(?! nicht)|läuft|gut|funktioniert|weg|aidé|marche|fonctionne"
    r"|ayudó|funciona\w*|bien"
    r"|aiutato|funziona\w*|bene|ajudou|bem|geholpen|werkt|goed|pomog\w+|działa|помог\w*|работает)(?!\w)|正常|恢复|有效|解决"
)
_SEVERAL = re.compile(
    r"\b(?:twice|thrice|several times|repeatedly|(?:[2-9]|two|three|four|five) ?(?:times|x|×)|[2-9]x|zweimal"
    r"|dreimal|deux fois|dos veces"
    r"|due volte|duas vezes|twee keer|dwa razy)(?!\w)|дважды|两次|三次"
)
_NOT_DONE = re.compile(
    r"\b(?:not (?:yet )?(?:tried|done|attempted|restarted|needed|possible)|no restart|never|pending|planned"
    r"|scheduled|needs?|required"
    r"|will|until|untried|to do|todo|nicht versucht|pas encore|todavía no|non ancora)\b"
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_CLOCK = re.compile(r"\b\d\d:\d\d")
_LETTERS = re.compile(r"[^\W\d_]{2}")
_OF_WHOM = re.compile(
    r"(?P<by>(?:systemctl|service|rc-service|sv|supervisorctl|pm2|docker|podman|docker-compose|nerdctl)"
    r"(?: compose| container)?(?: -\S+)* )?\brestart(?:ed|ing|s)?:? (?:(?:of|the|-\S+) )*(?P<whom>[a-z][\w.@-]*)"
)


def was_restarted_in_vain(payload: Mapping[str, Any], fields: Iterable[Field], own: str) -> bool:
    """`{"restart_helped": false}`, `{"tried": ["restart"]}`, `{"after_restart": "exit 1"}`, `{"heal": {"action":
    "restart", "result": "failed"}}`. `own`: the thing's name, whose restart alone counts."""
    own = own.lower().removesuffix(".service")
    if _was_done_in_vain(payload, ""):
        return True
    for path, value, _ in fields:
        if isinstance(value, Mapping):
            said = _was_done_in_vain(value, path[-1])
        else:
            said = _says_in_vain(path[-1], value, own) and not is_written_freely(path[-1])
        if said and _is_of_it(path):
            return True
    return False


def _is_of_it(path: tuple[str, ...]) -> bool:
    if any(map(_OF_ANOTHER_TIME.match, path[-2:])):
        return False
    return is_of_itself(path) or _DONE.fullmatch(path[-2]) is not None or _RESTART.search(path[-2]) is not None


def _was_done_in_vain(part: Mapping[str, Any], called: str) -> bool:
    """A part that names a restart as what was done (or is `called` one), and its outcome beside it."""
    said = {bare_key(key): value for key, value in part.items()}
    is_one = _RESTART.search(called) is not None
    if not is_one and _DONE.fullmatch(called) is None:
        said.pop("status", None)  # the thing's own
        said.pop("name", None)
    done = (line for key in _WHAT & said.keys() for line in _lines(said[key]) if len(line.split()) <= _MOST_WORDS)
    if not is_one and not any(_RESTART.search(line) and not _NOT_DONE.search(line) for line in done):
        return False
    return any((key == "status" or _HELPED.match(key)) and _is_bad(value) for key, value in said.items())


def _says_in_vain(key: str, value: Any, own: str) -> bool:
    about_one = _RESTART.search(key) is not None
    if about_one:
        beside = _RESTART.sub("", key)
        if _OTHERWISE.search(beside):
            return False
        if _says_so_by_its_key(beside, value):
            return True
    elif not any(map(_RESTART.search, _lines(value))):
        return False
    lines = [line for line in _lines(value) if _is_its(line, own)]
    said = "; ".join(lines)
    named = any(map(_RESTART.search, lines))
    if not said or _NOT_DONE.search(said):
        return False
    if _IN_VAIN.search(said):
        return about_one or (named and (_TRIED.search(key) or _DONE.fullmatch(key)) is not None)
    if _WELL.search(said) or not _LETTERS.search(said) or truth_in(said) is False:
        return False
    if about_one:
        return _SEVERAL.search(said) is not None or _TRIED.match(said) is not None or _is_several(lines, _CLOCK)
    if not named or _TRIED.search(key):
        return named
    return _DONE.fullmatch(key) is not None and (_is_several(lines, _RESTART) or _is_several(lines, _CLOCK))


def _says_so_by_its_key(beside: str, value: Any) -> bool:
    """`beside`: what stands in its key beside the word for a restart."""
    if _DID_NOT.search(beside):
        return truth_in(value) is True
    if _TRIED.search(beside):
        return truth_in(value) is True or (whole_in(value) or 0) > 1
    if _HELPED.search(beside):
        return _is_bad(value)
    if not _AFTER.search(beside) and not _ANOTHER.search(beside):
        return False
    said = "; ".join(_lines(value))
    return (
        _LETTERS.search(said) is not None
        and not _WELL.search(said)
        and not _DATE.search(said)
        and truth_in(said) is None
    )


def _is_bad(outcome: Any) -> bool:
    if isinstance(outcome, bool):
        return not outcome
    said = "; ".join(_lines(outcome))
    return said != "" and (said in _FAILED or truth_in(said) is False or _IN_VAIN.search(said) is not None)


def _is_several(lines: Iterable[str], what: re.Pattern[str]) -> bool:
    """Within the day: what was done on another one, it was done for other trouble."""
    return not any(map(_DATE.search, lines)) and sum(len(what.findall(line)) for line in lines) > 1


def _lines(value: Any) -> Iterator[str]:
    for line in value[:_MOST_LINES] if isinstance(value, list) else [value]:
        if isinstance(line, str) and len(line) <= _LONGEST:
            yield line.strip().lower()


def _is_its(line: str, own: str) -> bool:
    """Not where it names another thing: by a manager's command, or one that is needed."""
    said = _OF_WHOM.search(line)
    if said is None or (own and own in said["whom"]):
        return True
    return said["by"] is None and said["whom"].rstrip(",:;") not in NEEDED | SERVERS
