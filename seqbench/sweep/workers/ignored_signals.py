"""Signals that the process which workers are forked from does not hear.

They are sent to all of a sweep's processes at once by `timeout`, systemd and schedulers. The sweep asks its workers to
end by itself; were their parent to end first, nobody would learn how they did.
"""

import signal

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP)
