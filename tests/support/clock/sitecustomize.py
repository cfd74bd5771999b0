"""On PYTHONPATH, this module moves the clock of a Python process from its start, and of the processes that it starts.

Python imports `sitecustomize` by itself. MOVED_CLOCK is the number of seconds by which the clock is moved, so that all
these processes share one clock.
"""

import os
import time

import time_machine

time_machine.travel(time.time() + float(os.environ["MOVED_CLOCK"]), tick=True).start()
