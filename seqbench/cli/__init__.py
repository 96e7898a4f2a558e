"""The command line: one file a command; ``main`` chooses. torch is imported only when a command needs it."""
