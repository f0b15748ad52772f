"""supervisord that waits: `python -m mend.local.waiting_supervisord` takes its options and is it in all else.

The one of the wheel looks around once a second: for a signal that came while it waited (Python goes on waiting), for
programs that are starting or stopping. Here a signal ends the wait, and it looks around only while something moves.
"""

from __future__ import annotations

import contextlib
import os
import signal

from supervisor import supervisord
from supervisor.medusa import asyncore_25 as asyncore
from supervisor.options import ServerOptions
from supervisor.poller import PollPoller
from supervisor.states import ProcessStates, SupervisorStates

REST_SECONDS = 30.0
AT_REST = (ProcessStates.RUNNING, ProcessStates.FATAL)  # it stays like that until a signal or a call comes


class WaitingPoller(PollPoller):  # type: ignore[misc]
    """`supervisor` is the one whose programs are looked at."""

    supervisor: supervisord.Supervisor | None = None

    def initialize(self) -> None:
        super().initialize()
        self._signalled, wake = os.pipe()
        for end in (self._signalled, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def poll(self, timeout: float) -> tuple[list[int], list[int]]:
        self.register_readable(self._signalled)
        readable, writable = super().poll(REST_SECONDS if self._is_at_rest() else timeout)
        if self._signalled in readable:
            readable.remove(self._signalled)
            os.read(self._signalled, 512)
        return readable, writable

    def _is_at_rest(self) -> bool:
        """No program is on its way to another state, and nobody waits for an answer."""
        if self.supervisor is None or self.options.mood != SupervisorStates.RUNNING:
            return False
        if len(asyncore.socket_map) > len(self.options.httpservers):
            return False
        groups = self.supervisor.process_groups.values()
        return all(program.get_state() in AT_REST for group in groups for program in group.processes.values())


def main() -> None:
    """Until it is told to stop. A restart of it (SIGHUP) is an end: whoever started it starts it again."""
    options = ServerOptions()
    options.poller = WaitingPoller(options)
    options.realize(doc=supervisord.__doc__)
    options.first, options.test = True, False
    options.poller.supervisor = supervisord.Supervisor(options)
    with contextlib.suppress(asyncore.ExitNow):
        options.poller.supervisor.main()
    options.close_httpservers()
    options.close_logger()


if __name__ == "__main__":
    main()
