"""`--qualify`: every scenario of tests/qualify instead of the short ones, and a table of them under the results."""

from __future__ import annotations

from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("mendmesh").addoption("--qualify", action="store_true", help="every scenario of tests/qualify")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--qualify"):
        return
    left = [item for item in items if item.get_closest_marker("qualify")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Seconds since the scenario began; what it did not reach is empty."""
    rows = []
    for result in ("passed", "failed"):
        for report in terminalreporter.getreports(result):
            found: dict[str, Any] | None = dict(getattr(report, "user_properties", ())).get("qualify")
            if found is not None and report.when == "call":
                rows.append({**found, "result": result})
    if not rows:
        return
    terminalreporter.section("qualification")
    terminalreporter.write_line(f"{'scenario':<34}{'found':>7}{'proposed':>10}  {'decision':<9}{'ended':>7}  result")
    for row in rows:
        found, proposed, ended = (f"{row[key]:.1f}" if key in row else "" for key in ("found", "proposed", "ended"))
        terminalreporter.write_line(
            f"{row['name']:<34}{found:>7}{proposed:>10}  {row.get('decision', ''):<9}{ended:>7}  {row['result']}",
            red=row["result"] == "failed",
        )
    passed = sum(row["result"] == "passed" for row in rows)
    terminalreporter.write_line(f"{passed} of {len(rows)} scenarios went as declared")
