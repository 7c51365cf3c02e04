"""The Prefect edge: the same road as the command line, with Prefect's retries, states and run history.

Prefect reads its settings when it is first imported, so what this house asks of it is said here, before: no usage
report leaves the machine. A variable that is set already wins.
"""

import os

os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
# Prefect's own server takes 13-20 s to boot on two idle cores; its default of 20 s fails on busy ones.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
