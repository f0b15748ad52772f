"""How much trouble ends with something better than a notification: with four moves, and with all remedies?

    python benchmarks/better_than_notify.py [--data EVENTS.jsonl ...] [--actions DIR ...]

The four are restart, redeploy, notify and ignore: a policy whose rules name only these is asked as well. `the
qualification suite`: each trouble for which scenarios.yml says that something is proposed. Of a labelled set: what its
label says a restart or a redeploy mends; these rows have no investigation, so hardly a remedy is offered there. Of an
`actions` folder of a mesh: each trouble for which a planner proposed something.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from qualify.scenario import Scenario, Sign, read_scenarios  # noqa: E402

from mend.evaluation.labels import event_of, read_labelled  # noqa: E402
from mend.evaluation.scoring import ACTIONS, Row, Share, figures  # noqa: E402
from mend.evaluation.trial import TrialPlanner  # noqa: E402
from mesh_core.actions.choices import NOTIFY  # noqa: E402
from mesh_core.actions.reading import read_filed  # noqa: E402
from mesh_core.actions.register import current  # noqa: E402
from mesh_core.incidents.subject import subject_of  # noqa: E402
from mesh_core.models.events import HealthEvent, Runtime, Severity, Trust  # noqa: E402
from mesh_core.models.proposals import A_PERSON, MAX_PROPOSAL_BYTES  # noqa: E402
from mesh_core.models.strict_json import Refusal  # noqa: E402
from mesh_core.policy.policy import Policy  # noqa: E402
from mesh_core.policy.policy_file import PolicyRule  # noqa: E402

SETS = ROOT / "benchmarks" / "judgement_sets"
LOOKED_AT = tuple(SETS / f"{name}.jsonl" for name in ("open", "opened", "third_open", "fourth_open"))
MESSAGES = ("notify", "ignore")
DECIDED = ("pending", "approved", "rejected", "expired")  # where a file lies that has not run


def with_four_moves(policy: Policy) -> Policy:
    """The same, as if there were no others; what a rule prefers gives way as where its needs are not met."""
    policy.rules = tuple(map(_narrowed, policy.rules))
    return policy


def _narrowed(rule: PolicyRule) -> PolicyRule:
    allow = tuple(word for word in rule.allow if word in ACTIONS) or (NOTIFY.word,)
    instead = next((word for word in allow if word not in MESSAGES), NOTIFY.word)
    prefer = rule.prefer if rule.prefer in allow else instead
    return rule.model_copy(update={"allow": tuple(dict.fromkeys((*allow, prefer))), "prefer": prefer})


def of_the_suite(scenarios: Sequence[Scenario], before: Policy) -> tuple[Share, Share]:
    """(with the four, with all) of each trouble for which something is proposed."""
    signs = [(scenario, sign) for scenario in scenarios for sign in (*scenario.proposed, *scenario.after.proposed)]
    typed = [(scenario, sign) for scenario, sign in signs if sign.type]
    mended = [sign.type != NOTIFY.word for _, sign in typed]
    mended_before = [
        now and (current().by_name[sign.type].action in ACTIONS or _asked(scenario, sign, before) not in MESSAGES)
        for now, (scenario, sign) in zip(mended, typed, strict=True)
    ]
    return Share(sum(mended_before), len(typed)), Share(sum(mended), len(typed))


def _asked(scenario: Scenario, sign: Sign, policy: Policy) -> str:
    """What that policy prefers for the event that the scenario says is found."""
    thing = scenario.things[sign.of]
    found = (*scenario.found, *(step.event for step in scenario.fault if step.event))
    type_ = next(one.type for one in found if one.of == sign.of)
    unit = {"runtime": Runtime.SYSTEMD, "unit": f"{sign.of}{thing.suffix}"} if thing.unit else {}
    service = None if thing.host else f"{sign.of}{thing.suffix}"
    told = HealthEvent(
        type=type_, node="far", service=service, severity=Severity.ERROR, payload={**unit, **sign.payload}
    )
    return policy.allows(told.model_copy(update={"trust": Trust.NODE})).preferred


def of_a_mesh(actions: Path, before: Policy) -> tuple[Share, Share]:
    """Likewise of what a planner proposed and nobody withdrew; what is told again of the same counts once."""
    files = [
        *actions.glob("*/*/proposal.json"),
        *(file for folder in DECIDED for file in actions.glob(f"{folder}/plan-*")),
    ]
    read = [read_filed(file.read_bytes(), MAX_PROPOSAL_BYTES) for file in files if file.suffix == ".json"]
    planned = [one for one in read if not isinstance(one, Refusal) and one.model != A_PERSON]
    first = {(one.target_key, subject_of(one.event)): one for one in planned}.values()
    mended = [proposal.action not in MESSAGES for proposal in first]
    mended_before = [before.allows(proposal.event).preferred not in MESSAGES for proposal in first]
    return Share(sum(mended_before), len(first)), Share(sum(mended), len(first))


async def of_a_set(rows: Sequence[Row], policy: Policy) -> Share:
    planner = TrialPlanner(policy)
    return figures(rows, [(await planner.decide(row, event_of(row)))[0] for row in rows]).fix


async def shares(files: Sequence[Path], meshes: Sequence[Path]) -> Iterator[tuple[str, Share, Share]]:
    before, now = with_four_moves(Policy.load(None)), Policy.load(None)
    found = [("the qualification suite", *of_the_suite(read_scenarios(), before))]
    for file in files:
        rows = read_labelled(file)
        found.append((f"{file.stem}, what something mends", await of_a_set(rows, before), await of_a_set(rows, now)))
    return iter([*found, *((str(actions), *of_a_mesh(actions, before)) for actions in meshes)])


def _told(share: Share) -> str:
    return f"{share.hits} of {share.total} ({share.value:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="*", type=Path, default=LOOKED_AT, help="labelled sets, a JSON object a line")
    parser.add_argument("--actions", nargs="*", type=Path, default=(), help="folders actions/ of meshes")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print("| of | with the four moves | with all remedies |\n|---|---|---|")
    for name, before, now in asyncio.run(shares(given.data, given.actions)):
        print(f"| {name} | {_told(before)} | {_told(now)} |")


if __name__ == "__main__":
    main()
