"""How people say when something is repeated, in six languages: regular expressions, and no code that reads them.

What differs within a language is left out: a German "werktags" may have a Saturday in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class PartOfDay(StrEnum):
    """AM and PM are halves of it, said beside a number; the others as people call them."""

    AM = "am"
    PM = "pm"
    DAWN = "dawn"
    MORNING = "morning"
    AFTERNOON = "afternoon"
    EVENING = "evening"
    NIGHT = "night"


# The hours that each may mean: "every night at 11" is 23:00, "every night at 3" is 3:00, "every evening at 2" neither.
HOURS: Mapping[PartOfDay, frozenset[int]] = {
    PartOfDay.AM: frozenset(range(12)),
    PartOfDay.PM: frozenset(range(12, 24)),
    PartOfDay.DAWN: frozenset(range(7)),
    PartOfDay.MORNING: frozenset(range(1, 12)),
    PartOfDay.AFTERNOON: frozenset(range(12, 19)),
    PartOfDay.EVENING: frozenset(range(17, 24)),
    PartOfDay.NIGHT: frozenset((*range(19, 24), *range(6))),
}
_HOUR = r"(?P<h>\d{1,2})(?:(?::|h)(?P<m>\d{2})|h\b)?"
_HALVES = {PartOfDay.AM: r"am\b|a\.m\.", PartOfDay.PM: r"pm\b|p\.m\."}


@dataclass(frozen=True)
class ScheduleWords:
    """`every`: before a number, a unit or a day; `days` by number, Sunday is 0. `noon` and `midnight` hold what stands
    before them. `parts` are found in the words for a day ("every night") and beside the time."""

    minute: str
    hour: str
    day: str
    week: str
    every_n: str  # with a group n and a group unit
    hourly: str
    days: Mapping[str, str]
    between: str  # of two days, also without a blank
    on_days: str  # with {} for the days
    workdays: str  # Monday to Friday
    weekend: str
    month: str  # with a group date
    at: str  # before a time
    parts: Mapping[PartOfDay, str]
    noon: str
    midnight: str
    before: str = ""  # stands before a part of the day that is said behind the time
    time: str = _HOUR
    part_first: bool = False  # the part of the day stands before the time


def _days(names: str) -> Mapping[str, str]:
    """Monday first, Sunday last."""
    return dict(zip("1234560", names.split(), strict=True))


WORDS: Mapping[str, ScheduleWords] = {
    "en": ScheduleWords(
        minute=r"min(?:ute)?s?",
        hour=r"(?:hours?|hrs?)",
        day=r"(?:every|each) (?:single )?(?:day|night|morning|afternoon|evening)|daily|nightly|once a day",
        week=r"every week|weekly|once a week",
        every_n=r"every (?P<n>\d{1,2}) ?(?P<unit>{minute}|{hour})",
        hourly=r"every hour|hourly|once an hour",
        days=_days("mondays? tuesdays? wednesdays? thursdays? fridays? saturdays? sundays?"),
        between=r"(?:,? and |, ?)(?:on )?",
        on_days=r"(?:every|each|on) (?:{})",
        workdays=r"(?:every|each) weekday|(?:on )?weekdays|(?:every |from )?mon(?:day)? ?(?:to|through|-) ?fri(?:day)?",
        weekend=r"every weekend|(?:on |at )?weekends",
        month=r"(?:on )?the (?P<date>\d{1,2})(?:st|nd|rd|th) (?:day )?of (?:every|each|the) month",
        at=r"(?:at )",
        parts={
            **_HALVES,
            PartOfDay.MORNING: "mornings?",
            PartOfDay.AFTERNOON: "afternoons?",
            PartOfDay.EVENING: "evenings?",
            PartOfDay.NIGHT: "nights?|nightly",
        },
        before="in the |at ",
        noon="at (?:noon|midday)",
        midnight="at midnight",
    ),
    "ko": ScheduleWords(
        minute="분",
        hour="시간",
        day="매일|날마다",
        week="매주",
        every_n=r"(?:매 ?)?(?P<n>\d{1,2}) ?(?P<unit>시간|분) ?(?:마다|간격으로)",
        hourly="매시간|매 시간|매시|한 시간마다",
        days=_days("월요일 화요일 수요일 목요일 금요일 토요일 일요일"),
        between=r"(?:[과와],? ?|, ?| 및 )",
        on_days=r"매주 (?:{})(?:마다)?|(?:{})마다",
        workdays=r"(?:매주 )?(?:평일(?:마다|에)?|월요일부터 금요일까지)",
        weekend=r"(?:매주 )?주말(?:마다|에)?",
        month=r"매[달월] ?(?P<date>\d{1,2})일(?:마다|에)?",
        at="",
        time=r"(?P<h>\d{1,2})(?::(?P<m>\d{2})|시(?: ?(?P<minutes>\d{1,2})분| ?(?P<half_past>반))?)",
        parts={
            PartOfDay.AM: "오전",
            PartOfDay.PM: "오후",
            PartOfDay.DAWN: "새벽",
            PartOfDay.MORNING: "아침",
            PartOfDay.EVENING: "저녁",
            PartOfDay.NIGHT: "밤",
        },
        part_first=True,
        noon="정오",
        midnight="자정",
    ),
    "pl": ScheduleWords(
        minute=r"min(?:ut[ęy]?)?",
        hour=r"godzin[ęy]?",
        day=r"codziennie|ka[żz]dego (?:dnia|wieczoru|ranka)|każdej nocy|co (?:noc|dzień|wieczór|rano)",
        week=r"co tydzień|co tydzien|raz w tygodniu",
        every_n=r"co (?P<n>\d{1,2}) ?(?P<unit>{minute}|{hour})",
        hourly=r"co godzinę|co godzine",
        days=_days("poniedziałe?ki? wtor(?:ek|ki) środ[ęy] czwart(?:ek|ki) piąt(?:ek|ki) sobot[ęy] niedziel[ęe]"),
        between=r"(?:,? (?:i|oraz) |, ?)(?:w )?",
        on_days=r"(?:w )?(?:każdy|każdą|kazdy|kazda|co) (?:{})"
        r"|we? (?:poniedziałki|wtorki|środy|czwartki|piątki|soboty|niedziele)(?:{also})*",
        workdays=r"(?:w|we|każdy) dni robocze|w dni powszednie|od poniedziałku do piątku",
        weekend=r"w weekendy|co weekend|w każdy weekend",
        month=r"(?P<date>\d{1,2})\.? (?:dnia )?(?:każdego|kazdego) miesiąca",
        at=r"(?:o (?:godzinie )?)",
        parts={
            PartOfDay.MORNING: "rano|ranka",
            PartOfDay.AFTERNOON: "po południu",
            PartOfDay.EVENING: "wieczorem|wieczoru|wieczór",
            PartOfDay.NIGHT: "w nocy|noc|nocy",
        },
        noon="w południe",
        midnight="o północy",
    ),
    "de": ScheduleWords(
        minute="minuten?",
        hour="stunden?",
        day=r"täglich|jeden tag|jede nacht|jeden (?:morgen|nachmittag|abend)",
        week=r"wöchentlich|jede woche",
        every_n=r"alle (?P<n>\d{1,2}) ?(?P<unit>{minute}|{hour})",
        hourly=r"stündlich|jede stunde",
        days=_days("montags? dienstags? mittwochs? donnerstags? freitags? samstags? sonntags?"),
        between=r"(?: und |, ?)",
        on_days=r"jeden (?:{})|(?:mon|diens|donners|frei|sams|sonn)tags(?:{also})*|mittwochs(?:{also})*",
        workdays=r"(?:von )?montags? bis freitags?",
        weekend=r"(?:an )?jedem wochenende|an wochenenden",
        month=r"am (?P<date>\d{1,2})\. (?:jedes|eines jeden) monats",
        at=r"(?:um )",
        time=_HOUR + r"(?: ?uhr)?",
        parts={
            PartOfDay.MORNING: "morgens|morgen|vormittags",
            PartOfDay.AFTERNOON: "nachmittags?",
            PartOfDay.EVENING: "abends?",
            PartOfDay.NIGHT: "nachts|nacht",
        },
        before="am |in der ",
        noon="mittags|um mittag",
        midnight="um mitternacht",
    ),
    "fr": ScheduleWords(
        minute="minutes?",
        hour="heures?",
        day=r"chaque (?:jour|nuit|matin|soir)|tous les (?:jours|matins|soirs)|toutes les nuits|quotidiennement",
        week=r"chaque semaine|toutes les semaines",
        every_n=r"toutes les (?P<n>\d{1,2}) ?(?P<unit>{minute}|{hour})",
        hourly=r"toutes les heures|chaque heure",
        days=_days("lundis? mardis? mercredis? jeudis? vendredis? samedis? dimanches?"),
        between=r"(?: et |, ?)",
        on_days=r"(?:chaque|tous les) (?:{})",
        workdays=r"en semaine|du lundi au vendredi",
        weekend=r"(?:tous les|chaque) week-?ends?",
        month=r"le (?P<date>\d{1,2})(?:er)? (?:de chaque|du) mois",
        at=r"(?:à )",
        time=_HOUR + r"(?: ?heures?| ?h\b)?",
        parts={
            PartOfDay.MORNING: "matins?",
            PartOfDay.AFTERNOON: "après-midi",
            PartOfDay.EVENING: "soirs?",
            PartOfDay.NIGHT: "nuits?",
        },
        before="du |de l'|de la ",
        noon="à midi",
        midnight="à minuit",
    ),
    "es": ScheduleWords(
        minute="minutos?",
        hour="horas?",
        day=r"cada (?:d[íi]a|noche|mañana|tarde)|todos los d[íi]as|diariamente|todas las (?:noches|mañanas|tardes)",
        week=r"cada semana|semanalmente|todas las semanas",
        every_n=r"cada (?P<n>\d{1,2}) ?(?P<unit>{minute}|{hour})",
        hourly=r"cada hora|todas las horas",
        days=_days("lunes martes miércoles jueves viernes sábados? domingos?"),
        between=r"(?: y |, ?)(?:los )?",
        on_days=r"(?:cada|todos los) (?:{})",
        workdays=r"entre semana|de lunes a viernes",
        weekend=r"(?:cada fin|todos los fines|los fines) de semana",
        month=r"el (?:día )?(?P<date>\d{1,2}) de cada mes",
        at=r"(?:a las? )",
        time=_HOUR + r"(?: ?horas?)?",
        parts={
            # "tarde" goes on until it is dark: 8 de la tarde is 20:00.
            PartOfDay.MORNING: "mañanas?",
            PartOfDay.PM: "tardes?",
            PartOfDay.NIGHT: "noches?",
        },
        before="de la |por la ",
        noon="a mediod[ií]a",
        midnight="a medianoche",
    ),
}
