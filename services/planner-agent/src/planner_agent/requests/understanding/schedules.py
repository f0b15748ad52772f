"""When something is repeated, as people say it in six languages, to the five fields of a crontab. Pure.

What a crontab cannot say ("every 45 minutes"), what nobody said (the hour of "every night") and what may mean two hours
is no schedule: it is left as `?`, so that somebody is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from planner_agent.requests.understanding.schedule_words import HOURS, WORDS, PartOfDay, ScheduleWords

UNKNOWN = "?"  # a repetition without its time
_EACH_MONTH = 28  # the last day that every month has
_QUOTED = re.compile(r"[\"“«][^\"”»]*[\"”»]|(?<!\w)'[^']*'")
_CRONTAB = re.compile(r"(?<![\w/])(?:[\d*][\d*/,-]*[ ]){4}[\d*][\d*/,-]*(?![\w/])")


class Piece(NamedTuple):
    """`text`: a part of the sentence. Before it stood a schedule: its crontab's `fields`, and what was `said`; or
    nothing."""

    text: str
    fields: str = ""
    said: str = ""


def read_schedules(text: str, code: str) -> Iterator[Piece]:
    """One piece or two. The fields are UNKNOWN where they cannot be said; a second repetition stays in its words. What
    stands in quotes says nothing here."""
    shown = _QUOTED.sub(lambda quoted: "\x01" * len(quoted[0]), text)
    if found := _CRONTAB.search(shown):
        yield Piece(text[: found.start()])
        yield Piece(text[found.end() :], found[0], found[0])
        return
    found = _pattern(code).search(shown)
    if not found:
        yield Piece(text)
        return
    # The time may stand behind the repetition or before it, not far away.
    before, after = text[: found.start()], text[found.end() :]
    time_after, time_before = _time_after(code).match(after), _time_before(code).search(before)
    time = time_after or time_before
    if time_after:
        after = after[time_after.end() :]
    elif time_before:
        before = before[: time_before.start()]
    if code == "ko" and (particle := re.match(r"(?:에|마다|으로|로)(?=\s|$)", after)):
        after = after[particle.end() :]
    yield Piece(before)
    yield Piece(after, _fields(found, time, code), text[len(before) : len(text) - len(after)].strip(" ,"))


def _fields(found: re.Match[str], time: re.Match[str] | None, code: str) -> str:
    words = WORDS[code]
    if number := found["n"]:
        minutes = bool(re.fullmatch(words.minute, found["unit"].lower()))
        if time or not 0 < int(number) < 60 or (60 if minutes else 24) % int(number):
            return UNKNOWN
        return f"*/{int(number)} * * * *" if minutes else f"0 */{int(number)} * * *"
    if found["hourly"]:
        return UNKNOWN if time else "0 * * * *"
    date = int(found["date"] or 1)
    if found["week"] or not time or not 0 < date <= _EACH_MONTH:
        return UNKNOWN
    at = _time_of_day(time, found[0].lower(), words)
    return f"{at} {date if found['month'] else '*'} * {_weekdays(found, words)}" if at else UNKNOWN


def _time_of_day(time: re.Match[str], each: str, words: ScheduleWords) -> str:
    """Minute and hour; '' where they may mean two, or none. `each`: the repetition, which may say the part of a day."""
    groups = time.groupdict()
    parts = {*_parts_in(each, words), *_parts_in((groups.get("part") or "").lower(), words)}
    minute = 30 if groups.get("half_past") else int(groups["m"] or groups.get("minutes") or 0)
    hours = {int(groups["h"] or (12 if groups["noon"] else 0))}
    if parts and groups["h"] and 0 < min(hours) <= 12:
        hours |= {(hour + 12) % 24 for hour in hours}
    hours = hours.intersection(range(24), *(HOURS[part] for part in parts))
    return f"{minute} {hours.pop()}" if len(hours) == 1 and minute < 60 else ""


def _parts_in(text: str, words: ScheduleWords) -> Iterator[PartOfDay]:
    return (part for part, said in words.parts.items() if re.search(rf"(?<!\w)(?:{said})(?!\w)", text))


def _weekdays(found: re.Match[str], words: ScheduleWords) -> str:
    if found["workdays"]:
        return "1-5"
    if found["weekend"]:
        return "0,6"
    said = (found["weekday"] or "").lower()
    return ",".join(sorted(number for number, name in words.days.items() if re.search(name, said))) or "*"


# Compiled when somebody asks in that language: all of them are a twentieth of a planner's start.
@cache
def _pattern(code: str) -> re.Pattern[str]:
    words = WORDS[code]
    day = f"(?:{'|'.join(words.days.values())})"
    also = f"(?:{words.between}){day}"
    every_n = words.every_n.replace("{minute}", words.minute).replace("{hour}", words.hour)
    on_days = words.on_days.replace("{also}", also).replace("{}", f"{day}(?:{also})*")
    each = (
        every_n,
        f"(?P<month>{words.month})",
        f"(?P<workdays>{words.workdays})",
        f"(?P<weekend>{words.weekend})",
        f"(?P<hourly>{words.hourly})",
        f"(?P<weekday>{on_days})",
        f"(?P<daily>{words.day})",
        f"(?P<week>{words.week})",
    )
    return re.compile(rf"(?i)(?<!\w)(?:{'|'.join(each)})(?![A-Za-z])")


@cache
def _time_after(code: str) -> re.Pattern[str]:
    return re.compile(rf"(?i)[ ,]{{0,2}}{_time(WORDS[code])}(?![:/\d])")


@cache
def _time_before(code: str) -> re.Pattern[str]:
    return re.compile(rf"(?i)(?<![\w:.]){_time(WORDS[code])}[ ,]{{0,2}}$")


def _time(words: ScheduleWords) -> str:
    part = f"(?P<part>{'|'.join(words.parts.values())})"
    behind = rf"{words.time}(?: ?(?:{words.before})?{part}(?!\w))?"
    numbers = f"(?:{part} ?)?{words.time}" if words.part_first else behind
    return rf"(?:{words.at}{numbers}|(?P<noon>{words.noon})|(?P<midnight>{words.midnight}))"
