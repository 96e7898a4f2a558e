"""Signals that the fork server ignores.

`timeout`, systemd and schedulers send them to all processes of a sweep at once. The sweep asks its workers to stop
itself. If the fork server ended first, the exit status of the workers would be lost.
"""

import signal

IGNORED_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP)
