"""A sentence to a draft, to questions, or to why not: the door of this package. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from operator import attrgetter

from mesh_core.actions.remedies.recipe_file import Recipe
from mesh_core.actions.remedies.recipe_tasks import tasks_of
from mesh_core.models.config_file import looks_like
from mesh_core.models.proposals import Attachment, Risk
from mesh_core.models.requests import MAX_TEXT, OpenQuestion
from planner_agent.requests.understanding.answering import answered, question_for
from planner_agent.requests.understanding.attempts import Attempts, NotRead, Reading
from planner_agent.requests.understanding.beyond import beyond
from planner_agent.requests.understanding.clauses import Clause, clauses_of
from planner_agent.requests.understanding.filling import Filler
from planner_agent.requests.understanding.hosts import with_host_parts
from planner_agent.requests.understanding.language import Language
from planner_agent.requests.understanding.lexicon import Lexicon, PhraseKind, fold, language_of, lexicons
from planner_agent.requests.understanding.results import Beyond, Draft, NotUnderstood, Questions
from planner_agent.requests.understanding.tokens import TextToken, TokenKind, tokens_of

MAX_TOKENS, MAX_CLAUSES = 200, 20
_SHORTEST_VERB, _NEARLY = 5, 0.8  # letters; how alike, of 1
_UNSEEN = ("Cc", "Cf", "Co", "Cs")  # Unicode's categories
_BULLET = re.compile(r"\s*(?:[-*\u2022\u2013]|\d{1,2}[.)])\s+")
_QUOTES = frozenset("\"'`\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019")
_EXAMPLE = "such as: install nginx, restart the service sshd, open port 443 in the firewall"


def understand(
    text: str,
    recipes: Mapping[str, Recipe],
    *,
    answers: Mapping[str, str] | None = None,
    attachments: Sequence[Attachment] = (),
    hosts: Collection[str] | None = None,
) -> Draft | Questions | NotUnderstood:
    """What the request means by these recipes (by name, `register.current().asked_for`). `answers`: by a question's
    slot. `hosts`: names that the sentence may say for where; None: nobody knows, and web01 looks like one.

    Never raises, whatever the text is.
    """
    read = read_request(text, recipes, attachments=attachments, hosts=hosts)
    if isinstance(read, NotUnderstood):
        return read
    named = _named(read.readings)
    if unknown := next((slot for slot in answers or {} if slot not in {s for one in named for s in one.values()}), ""):
        return NotUnderstood(f"nothing is asked under the name {unknown[:60]!r} in this request")
    done: list[Reading] = []
    questions: list[OpenQuestion] = []
    for reading, names in zip(read.readings, named, strict=True):
        given = {slot: (answers or {})[name] for slot, name in names.items() if name in (answers or {})}
        reading, wrong = answered(reading, given, attachments)
        done.append(reading)
        for slot, said in reading.open.items():
            question = question_for(reading, slot, read.language.code, said, attachments, wrong.get(slot, ""))
            questions.append(question.model_copy(update={"slot": names[slot]}))
    if questions:
        return Questions(tuple(questions))
    return _draft(joined(done), read.hosts)


_TOLD = NotUnderstood(f"it tells how something is, and a request says what should be; write it as such, {_EXAMPLE}")


class Read:
    """A request as it was read: a reading for each clause."""

    def __init__(self, readings: Sequence[Reading], language: Language, hosts: tuple[str, ...]):
        self.readings, self.language, self.hosts = tuple(readings), language, hosts


def read_request(
    text: str,
    recipes: Mapping[str, Recipe],
    *,
    attachments: Sequence[Attachment] = (),
    hosts: Collection[str] | None = None,
) -> Read | NotUnderstood:
    """Its clauses, before anybody answered anything. What makes no sense as one text may be a list, a line a wish."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n")).strip()
    if problem := _no_text(text):
        return NotUnderstood(problem)
    read = _read_whole(text, recipes, attachments, hosts)
    if isinstance(read, Read) or not (listed := _listed(text)):
        return read
    again = _read_whole(listed, recipes, attachments, hosts)
    return again if isinstance(again, Read) else read


def _listed(text: str) -> str:
    """Its lines with a mark between them, without bullets; '' for one line, and where quotes may hold several."""
    lines = [_BULLET.sub("", line).strip().rstrip(".;,") for line in text.split("\n") if line.strip()]
    return "; ".join(lines) if len(lines) > 1 and not _QUOTES.intersection(text) else ""


def _read_whole(
    text: str, recipes: Mapping[str, Recipe], attachments: Sequence[Attachment], hosts: Collection[str] | None
) -> Read | NotUnderstood:
    known = lexicons(recipes)
    lexicon = known[language_of(text, known).code]
    clauses = _clauses(text, lexicon, hosts)
    if isinstance(clauses, NotUnderstood):
        return clauses
    attempts = Attempts(recipes, Filler(lexicon, attachments))
    readings: list[Reading] = []
    bare: list[Clause] = []
    wished = False
    said: list[tuple[str, ...]] = []
    for number, clause in enumerate(clauses):
        if number + 1 < len(clauses) and clause.says_nothing_but_verbs:
            bare.append(clause)
            said += [part.names for part in clause.host_parts]
            continue
        made = _read(attempts, clause, bare, readings[-1].shared if readings else ())
        if isinstance(made, NotRead):
            order = None if made.between else beyond(text, clauses, recipes)
            return _why_not(made, text, known.values(), order)
        wished = _wished([*bare, clause], wished)
        if not wished and any(one.told and one.risk is not Risk.LOW for one in made):
            return _TOLD
        said += _hosts_of(clause, made[-1])
        readings += made
        bare = []
    if not readings:
        return NotUnderstood(f"it says nothing that could be done; write what should be, {_EXAMPLE}")
    if len({*said}) > 1:
        return NotUnderstood("it names other hosts for one part of it than for another; make a request for each")
    return Read(readings, lexicon.language, next(iter(said), ()))


def _clauses(text: str, lexicon: Lexicon, hosts: Collection[str] | None) -> Sequence[Clause] | NotUnderstood:
    tokens = tokens_of(text, lexicon.language)
    if len(tokens) > MAX_TOKENS:
        return NotUnderstood(f"it has more than {MAX_TOKENS} words; ask for less at once")
    if problem := _a_question(tokens, lexicon.language):
        return NotUnderstood(problem)
    clauses = clauses_of(with_host_parts(_without_mark(tokens), lexicon.language, hosts), lexicon)
    if len(clauses) > MAX_CLAUSES:
        return NotUnderstood(f"it asks for {len(clauses)} things, {MAX_CLAUSES} are the limit; ask for less at once")
    return clauses


def _read(
    attempts: Attempts, clause: Clause, bare: Sequence[Clause], before: tuple[str, ...]
) -> list[Reading] | NotRead:
    """`bare` clauses go with the one that follows ("enable and start cups"), or else mean what was named before."""
    together = attempts.read(clause, bare, before)
    if isinstance(together, Reading) or not bare:
        return together if isinstance(together, NotRead) else [together]
    made = [attempts.read(one, (), before) for one in (*bare, clause)]
    return next((one for one in made if isinstance(one, NotRead)), [one for one in made if isinstance(one, Reading)])


def _wished(clauses: Sequence[Clause], before: bool) -> bool:
    """Is it a wish? The clause before hands it on ("... is stopped and disabled") but to one that tells by itself."""
    said = {hit.owner.what for clause in clauses for hit in clause.hits}
    return PhraseKind.WISH in said or (before and PhraseKind.STATE not in said)


def _no_text(text: str) -> str:
    if not text.strip():
        return f"it is empty; write what should be, {_EXAMPLE}"
    if len(text) > MAX_TEXT:
        return f"it has {len(text)} characters, {MAX_TEXT} are the limit; attach what is long as a file"
    strange = next((sign for sign in text if unicodedata.category(sign) in _UNSEEN and sign not in "\n\t"), "")
    if strange:
        return f"it holds a sign that cannot be seen (U+{ord(strange):04X}); write it without"
    return ""


def _a_question(tokens: Sequence[TextToken], language: Language) -> str:
    words = [fold(token.word) for token in tokens]
    text = " ".join(words)
    polite = any(
        text.startswith(f"{fold(one)} ") or (language.verb_last and any(word.endswith(one) for word in words))
        for one in language.requests
    )
    negated = any(
        text.startswith(f"{fold(one)} ") for one in language.blocks if " " in one
    )  # "do not ..." asks nothing
    asks = words and words[0] in {fold(one) for one in language.questions} and not negated
    if (asks or "?" in words) and not polite:
        return "it asks something, and a request says what should be; write it as such, " + _EXAMPLE
    return ""


def _without_mark(tokens: Sequence[TextToken]) -> tuple[TextToken, ...]:
    return tuple(token for token in tokens if not (token.kind is TokenKind.SIGN and token.text in "?!…¿¡"))


def _hosts_of(clause: Clause, reading: Reading) -> list[tuple[str, ...]]:
    """What each part of it that says where names; a bare name says so only where no value is wanted."""
    values = bool(reading.recipe.slots_of(reading.way))
    return [part.names for part in clause.host_parts if not (part.bare and values)]


def _misspelt_verb(text: str, known: Iterable[Lexicon]) -> str:
    """`; 'restrat' looks like restart`, of the first word that is nearly a verb of any language; or ''."""
    verbs = _long_verbs(frozenset(lexicon.verbs for lexicon in known))
    words = [word for word in map(fold, text.split()[:MAX_TOKENS]) if word not in verbs]
    return next((hint for word in words if (hint := looks_like(word, verbs, _NEARLY))), "")


@cache
def _long_verbs(known: frozenset[frozenset[str]]) -> frozenset[str]:
    return frozenset(verb.rstrip("*") for verbs in known for verb in verbs if len(verb) >= _SHORTEST_VERB)


def _why_not(made: NotRead, text: str, known: Iterable[Lexicon], order: Beyond | None) -> NotUnderstood:
    if made.between:
        first, other = made.between
        return NotUnderstood(f"it can mean two things: what {first}, or what {other}; name the thing that it is about")
    if made.left:
        words = ", ".join(f"'{word[:40]}'" for word in made.left[:4])
        unknown = f"what is meant by {words} is not known here; say it in other words, one thing at a time"
        return NotUnderstood(unknown, order)
    said, nearly = " ".join(text.split())[:80], _misspelt_verb(text, known)
    return NotUnderstood(f"no recipe knows what '{said}' asks for{nearly}; write what should be, {_EXAMPLE}", order)


def _named(readings: Sequence[Reading]) -> list[dict[str, str]]:
    """Of each clause its slots, and what each is called in this request: with the clause's number where another clause
    has a slot of that name."""
    slots = [reading.recipe.slots_of(reading.way) for reading in readings]
    count = {name: sum(name in one for one in slots) for each in slots for name in each}
    return [
        {name: f"{name}_{number}" if count[name] > 1 else name for name in each}
        for number, each in enumerate(slots, start=1)
    ]


def joined(readings: Sequence[Reading]) -> Iterator[Reading]:
    """Two clauses that say something of the same thing become one: started, and enabled."""
    last: Reading | None = None
    for reading in readings:
        both = last.joined(reading) if last else None
        if last and not both:
            yield last
        last = both or reading
    if last:
        yield last


def _draft(readings: Iterator[Reading], hosts: tuple[str, ...]) -> Draft:
    made = tuple(readings)
    tasks = [(one.name, task) for one in made for task in tasks_of(one.recipe, one.way, one.values)]
    risk = max((one.risk for one in made), key=attrgetter("rank"))
    made_by = tuple(name for name, _ in tasks)
    recipes = tuple(dict.fromkeys(one.name for one in made))
    return Draft(tuple(task for _, task in tasks), risk, recipes, hosts, made_by)
