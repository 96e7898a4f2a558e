"""The command line: one file for each command, chosen by ``main``. A command imports torch only when it needs it."""
