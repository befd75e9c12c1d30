"""A first program that waits for its own child only."""

import os
import signal
import sys

child = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:])  # noqa: S606
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
while True:
    try:
        os.waitpid(child, 0)
        break
    except InterruptedError:
        continue
sys.exit(3)
