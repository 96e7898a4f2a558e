"""Plug-ins that try to get a false score, one file a cheat; ``test_attempts`` runs and verifies them.

Each module has a class ``Net``. Its docstring says what it does and which score it deserves: that of ``honest.Honest``,
trained in the same way, unless it says another one. The modules import each other by relative names, because the tests
install a copy of this folder as a distribution of its own, which is what a reviewer receives.
"""
