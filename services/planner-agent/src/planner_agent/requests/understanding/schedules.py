"""When something is repeated, as people say it in six languages, to the five fields of a crontab. Pure.

What a crontab cannot say ("every 45 minutes") and what nobody said (the hour of "every night") is no schedule: it is
left in words as `?`, so that somebody is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

UNKNOWN = "?"  # a repetition without its time


_TIME = (
    r"(?P<h>\d{1,2})(?:(?::|h)(?P<m>\d{2})|h\b)?(?: ?(?P<half>am|pm|a\.m\.|p\.m\.))?(?: ?uhr| ?heures?| ?horas?| ?h\b)?"
)


@dataclass(frozen=True)
class _Words:
    """Regular expressions. `every`: before a number, a unit or a day; `days` by number, Sunday is 0."""

    minute: str
    hour: str
    day: str
    week: str
    every_n: str  # with a group n and a group unit
    hourly: str
    days: Mapping[str, str]
    on_days: str  # with {} for the days
    at: str  # before a time
    time: str = _TIME


def _days(names: str) -> Mapping[str, str]:
    """Monday first, Sunday last."""
    return dict(zip("1234560", names.split(), strict=True))


_WORDS: Mapping[str, _Words] = {
    "en": _Words(
        minute=r"min(?:ute)?s?",
        hour=r"(?:hours?|hrs?)",
        day=r"(?:every|each) (?:single )?(?:day|night|morning|evening)|daily|nightly|once a day",
        week=r"every week|weekly|once a week",
        every_n=r"every (?P<n>\d{1,2}) ?(?P<unit>{minute}|{hour})",
        hourly=r"every hour|hourly|once an hour",
        days=_days("mondays? tuesdays? wednesdays? thursdays? fridays? saturdays? sundays?"),
        on_days=r"(?:every|each|on) (?:{})",
        at=r"(?:at )",
    ),
    "ko": _Words(
        minute="분",
        hour="시간",
        day="매일|날마다",
        week="매주",
        every_n=r"(?:매 ?)?(?P<n>\d{1,2}) ?(?P<unit>시간|분) ?(?:마다|간격으로)",
        hourly="매시간|매 시간|매시|한 시간마다",
        days=_days("월요일 화요일 수요일 목요일 금요일 토요일 일요일"),
        on_days=r"매주 (?:{})(?:마다)?|(?:{})마다",
        at=r"(?:(?P<part>오전|오후|새벽|아침|저녁|밤) ?)?",
        time=r"(?P<h>\d{1,2})(?::(?P<m>\d{2})|시(?: ?(?P<minutes>\d{1,2})분)?)",
    ),
    "pl": _Words(
        minute=r"min(?:ut[ęy]?)?",
        hour=r"godzin[ęy]?",
        day=r"codziennie|każdego dnia|kazdego dnia|co noc|co dzień|każdej nocy",
        week=r"co tydzień|co tydzien|raz w tygodniu",
        every_n=r"co (?P<n>\d{1,2}) ?(?P<unit>{minute}|{hour})",
        hourly=r"co godzinę|co godzine",
        days=_days("poniedziałek wtorek środę czwartek piątek sobotę niedzielę"),
        on_days=r"(?:w )?(?:każdy|każdą|kazdy|kazda|co) (?:{})",
        at=r"(?:o (?:godzinie )?)",
    ),
    "de": _Words(
        minute="minuten?",
        hour="stunden?",
        day=r"täglich|jeden tag|jede nacht|jeden morgen|jeden abend",
        week=r"wöchentlich|jede woche",
        every_n=r"alle (?P<n>\d{1,2}) ?(?P<unit>{minute}|{hour})",
        hourly=r"stündlich|jede stunde",
        days=_days("montags? dienstags? mittwochs? donnerstags? freitags? samstags? sonntags?"),
        on_days=r"jeden (?:{})",
        at=r"(?:um )",
    ),
    "fr": _Words(
        minute="minutes?",
        hour="heures?",
        day=r"chaque jour|tous les jours|chaque nuit|toutes les nuits|quotidiennement",
        week=r"chaque semaine|toutes les semaines",
        every_n=r"toutes les (?P<n>\d{1,2}) ?(?P<unit>{minute}|{hour})",
        hourly=r"toutes les heures|chaque heure",
        days=_days("lundis? mardis? mercredis? jeudis? vendredis? samedis? dimanches?"),
        on_days=r"(?:chaque|tous les) (?:{})",
        at=r"(?:à )",
    ),
    "es": _Words(
        minute="minutos?",
        hour="horas?",
        day=r"cada día|cada dia|todos los días|todos los dias|diariamente|cada noche|todas las noches",
        week=r"cada semana|semanalmente|todas las semanas",
        every_n=r"cada (?P<n>\d{1,2}) ?(?P<unit>{minute}|{hour})",
        hourly=r"cada hora|todas las horas",
        days=_days("lunes martes miércoles jueves viernes sábados? domingos?"),
        on_days=r"(?:cada|todos los) (?:{})",
        at=r"(?:a las? )",
    ),
}
_QUOTED = re.compile(r"[\"“«][^\"”»]*[\"”»]|(?<!\w)'[^']*'")
_CRONTAB = re.compile(r"(?<![\w/])(?:[\d*][\d*/,-]*[ ]){4}[\d*][\d*/,-]*(?![\w/])")
_PM = {"pm", "p.m.", "오후", "저녁", "밤"}


def read_schedules(text: str, code: str) -> Iterator[tuple[str, str]]:
    """(a part of the text, the crontab's fields that stood before it): one part or two. The fields are UNKNOWN where
    they cannot be said; a second repetition stays in its words. What stands in quotes says nothing here."""
    shown = _QUOTED.sub(lambda quoted: "\x01" * len(quoted[0]), text)
    if found := _CRONTAB.search(shown):
        yield text[: found.start()], ""
        yield text[found.end() :], found[0]
        return
    found = _PATTERNS[code].search(shown)
    if not found:
        yield text, ""
        return
    # The time may stand behind the repetition or before it, not far away.
    before, after = text[: found.start()], text[found.end() :]
    time_after, time_before = _TIMES_AFTER[code].match(after), _TIMES_BEFORE[code].search(before)
    time = time_after or time_before
    if time_after:
        after = after[time_after.end() :]
    elif time_before:
        before = before[: time_before.start()]
    if code == "ko" and (particle := re.match(r"(?:에|마다|으로|로)(?=\s|$)", after)):
        after = after[particle.end() :]
    yield before, ""
    yield after, _fields(found, time, code)


def _fields(found: re.Match[str], time: re.Match[str] | None, code: str) -> str:
    words = _WORDS[code]
    if number := found["n"]:
        minutes = bool(re.fullmatch(words.minute, found["unit"].lower()))
        if time or not 0 < int(number) < 60 or (60 if minutes else 24) % int(number):
            return UNKNOWN
        return f"*/{int(number)} * * * *" if minutes else f"0 */{int(number)} * * *"
    if found["hourly"]:
        return UNKNOWN if time else "0 * * * *"
    if found["week"] or not time:
        return UNKNOWN
    groups = time.groupdict()
    hour, minute = int(groups["h"]), int(groups["m"] or groups.get("minutes") or 0)
    half = (groups.get("half") or groups.get("part") or "").lower()
    if half and hour > 12 and half not in _PM:
        return UNKNOWN
    if half in _PM and hour < 12:
        hour += 12
    elif half and half not in _PM and hour == 12:
        hour = 0
    weekday = "*"
    if found["weekday"]:
        said = found["weekday"].lower()
        weekday = next(number for number, name in words.days.items() if re.search(name, said))
    return f"{minute} {hour} * * {weekday}" if hour < 24 and minute < 60 else UNKNOWN


def _pattern(words: _Words) -> re.Pattern[str]:
    days = "|".join(words.days.values())
    every_n = words.every_n.replace("{minute}", words.minute).replace("{hour}", words.hour)
    on_days = words.on_days.replace("{}", days)
    each = (
        every_n,
        f"(?P<hourly>{words.hourly})",
        f"(?P<weekday>{on_days})",
        f"(?P<daily>{words.day})",
        f"(?P<week>{words.week})",
    )
    return re.compile(rf"(?i)(?<!\w)(?:{'|'.join(each)})(?![A-Za-z])")


_PATTERNS = {code: _pattern(words) for code, words in _WORDS.items()}
_TIMES_AFTER = {code: re.compile(rf"(?i)[ ,]{{0,2}}{w.at}{w.time}(?![:/\d])") for code, w in _WORDS.items()}
_TIMES_BEFORE = {code: re.compile(rf"(?i)(?<![\w:.]){w.at}{w.time}[ ,]{{0,2}}$") for code, w in _WORDS.items()}
