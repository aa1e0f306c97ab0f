"""A child process that ends when whoever started it is gone, however that went."""

from __future__ import annotations

import os
import signal
import threading

# In a child's environment: its standard input is a pipe to its parent, and ends with it.
VARIABLE = "ENDS_WITH_PARENT"


def end_with_parent() -> None:
    if os.environ.pop(VARIABLE, None) is None:
        return

    def wait() -> None:
        os.read(0, 1)  # comes back only at the end of the pipe
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()
