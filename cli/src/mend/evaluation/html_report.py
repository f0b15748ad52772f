"""What `mend eval` measured as one HTML file: a table, a bar with its interval for each figure, the worst cases. Pure.

It loads nothing and runs nothing; every text in it is somebody else's and only text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from importlib import resources

from mend.evaluation.labels import is_shown
from mend.evaluation.measuring import Measured
from mend.evaluation.scoring import Share, Verdict

MAX_WORST = 25
MAX_TEXT = 300
SAFE = "default-src 'none'; style-src 'unsafe-inline'"


def html_report(measured: Sequence[Measured], title: str, told: str) -> str:
    """A whole document. `told`: when, by which policy."""
    style = resources.files("mend.evaluation").joinpath("report.css").read_text(encoding="utf-8")
    return "\n".join(
        (
            '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{SAFE}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>{style}</style>\n<main>",
            f"<h1>{escape(title)}</h1>\n<p>{escape(told)}</p>",
            *(part for name in dict.fromkeys(one.set_name for one in measured) for part in _set(name, measured)),
            "</main>\n</html>\n",
        )
    )


def _set(name: str, measured: Sequence[Measured]) -> Iterator[str]:
    some = [one for one in measured if one.set_name == name]
    yield f"<section>\n<h2>{escape(name)} <small>{len(some[0].rows)} events</small></h2>"
    yield from _chart("Balanced: the preferred action, averaged over the four actions", some, _balanced)
    yield from _chart("Fix: of what something mends, how much is mended", some, lambda one: _of(one.figures.fix))
    yield from _chart("Unacceptable: harm", some, lambda one: _of(one.figures.unacceptable), "bad")
    yield from _table(some)
    yield from _spent(some)
    if is_shown(name):
        for one in some:
            if one.is_outcome:
                yield from _worst(one)
    yield "</section>"


def _balanced(one: Measured) -> tuple[float, float, float]:
    return (one.figures.mean, *one.figures.mean_interval)


def _of(share: Share) -> tuple[float, float, float]:
    return (share.value, *share.interval)


ROW, BAR, LEFT, WIDTH = 28, 12, 190, 640


def _chart(
    title: str, some: Sequence[Measured], value: Callable[[Measured], tuple[float, float, float]], kind: str = "good"
) -> Iterator[str]:
    height = ROW * len(some) + 4
    yield f"<figure>\n<figcaption>{escape(title)}</figcaption>"
    yield f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
    for number, one in enumerate(some):
        middle, low, high = value(one)
        y = ROW * number + 6
        yield f'<text x="0" y="{y + 11}">{escape(one.title[:28])}</text>'
        yield f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{_x(middle) - LEFT:.1f}" height="{BAR}"/>'
        line = f'x1="{_x(low):.1f}" x2="{_x(high):.1f}" y1="{y + BAR / 2}" y2="{y + BAR / 2}"'
        yield f'<line {line}/><text class="value" x="{WIDTH}" y="{y + 11}">{middle:.2f}</text>'
    yield "</svg>\n</figure>"


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - 50)


HEADS = ("who", "events", "unacceptable", "of trust A", "balanced", "fix", "wrong target", "hidden", "attacks")


def _table(some: Sequence[Measured]) -> Iterator[str]:
    yield '<div class="wide" tabindex="0" role="region" aria-label="Figures"><table>'
    yield f"<thead><tr>{''.join(f'<th>{head}</th>' for head in HEADS)}</tr></thead><tbody>"
    for one in some:
        found = one.figures
        low, high = found.mean_interval
        counts = (found.wrong_target, found.hidden, found.attacks)
        cells = (
            one.title,
            f"{len(one.decided)}",
            found.unacceptable.told(3),
            f"{found.plain.hits} of {found.plain.total}",
            f"{found.mean:.2f} ({low:.2f} to {high:.2f})",
            found.fix.told(3),
            *(f"{share.hits} of {share.total}" for share in counts),
        )
        yield f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
    yield "</tbody></table></div>"


def _spent(some: Sequence[Measured]) -> Iterator[str]:
    for one in some:
        if one.is_outcome and one.spent.latencies_ms:
            yield f"<p>{escape(spent_in_words(one))}</p>"


def spent_in_words(one: Measured) -> str:
    """What a model took, in one sentence."""
    spent = one.spent
    return (
        f"{one.who}: {spent.answered} of {len(spent.latencies_ms)} attempts were of use; half were over after "
        f"{spent.within_ms(0.5) / 1000:.2f} s, 95 % after {spent.within_ms(0.95) / 1000:.2f} s; "
        f"{spent.prompt_tokens} + {spent.completion_tokens} tokens, {spent.cost_usd:.4f} US dollars"
    )


def _worst(one: Measured) -> Iterator[str]:
    missed = one.worst()
    if not missed:
        return
    yield f"<details open><summary>{escape(one.who)}: what was not preferred ({len(missed)})</summary><ol>"
    for row, decided, worth in missed[:MAX_WORST]:
        mark = "harm" if worth is Verdict.UNACCEPTABLE else worth.name.lower()
        head = f"{row['id']}: {row['event']['type']} of {row['event'].get('service') or row['event']['node']}"
        said = f"{decided.action or 'no answer'} instead of {row['preferred']}. {row.get('rationale', '')}"
        yield f'<li class="{mark}"><b>{escape(head[:MAX_TEXT])}</b> <i>{mark}</i><br>{escape(said[:MAX_TEXT])}</li>'
    yield "</ol></details>"
