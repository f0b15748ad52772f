"""Ansible's own output, as one JSON line for each task: what a trial reads. Only Ansible imports it."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "mend_trial"

    def v2_runner_on_ok(self, result: Any) -> None:
        self._tell("changed" if result.result.get("changed") else "ok", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._tell("skipped", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._tell("failed", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._tell("unreachable", result)

    def _tell(self, status: str, result: Any) -> None:
        said = result.result
        items = [one for one in said.get("results", ()) if isinstance(one, dict)] or [said]
        diff = "".join(self._get_diff(one["diff"]) for one in items if one.get("diff"))
        count = sum(bool(one.get("changed")) for one in items)
        row = {"name": result.task.get_name(), "status": status, "count": count, "diff": diff, "msg": said.get("msg")}
        with open(os.environ["MEND_TRIAL_FILE"], "a", encoding="utf-8") as handle:  # noqa: PTH123  (Ansible's process)
            handle.write(json.dumps(row, default=str) + "\n")
