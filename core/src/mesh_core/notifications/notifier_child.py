"""The child of `AppriseSender` (notifier.py): the only file that imports Apprise. A line on stdin asks; a line for each
target answers, and `null` says that all have.

Ends by itself: when nobody asks for a while (status 0), when who asked is gone, when a message takes too long.
"""

from __future__ import annotations

import json
import os
import select
import sys
import threading
import warnings
from typing import Any


def main() -> None:
    keep_seconds = float(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a plugin prints is no answer
    warnings.simplefilter("ignore")
    import apprise  # late: after stdout is out of the plugins' reach

    apprise.Apprise.instantiate("json://localhost")  # loads all plugins: no target's seconds pay for that
    print("ready", file=answers, flush=True)
    # Nothing but whole lines is ever sent, one at a time: no line can wait in a buffer while we look at the pipe.
    while select.select([sys.stdin], [], [], keep_seconds)[0] and (line := sys.stdin.buffer.readline()):
        request = json.loads(line)
        end = threading.Timer(float(request["seconds"]), os._exit, (1,))
        end.daemon = True
        end.start()
        _tell_all(apprise, request, answers)
        end.cancel()
        print("null", file=answers, flush=True)


def _tell_all(apprise: Any, request: dict[str, Any], answers: Any) -> None:
    lock = threading.Lock()

    def tell(number: int, url: str) -> None:
        trouble = _tell(apprise, url, request["title"], request["body"])
        with lock:
            print(json.dumps([number, trouble]), file=answers, flush=True)

    threads = [
        threading.Thread(target=tell, args=(number, url), daemon=True) for number, url in enumerate(request["urls"])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _tell(apprise: Any, url: str, title: str, body: str) -> str:
    """'' if the target took it, else what was wrong; never the URL."""
    try:
        target = apprise.Apprise()
        if not target.add(url):
            return "is not an Apprise URL"
        # notify() returns an object, so ask for its truth
        taken = bool(target.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT))
        return "" if taken else "refused the message"
    except Exception as error:  # noqa: BLE001  (a hundred vendors' plugins may raise anything)
        return f"failed: {type(error).__name__}"


if __name__ == "__main__":
    main()
