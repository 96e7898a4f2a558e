"""Entry point of ``python -m seqbench``."""

import os
import sys

if sys.path[:1] == [os.getcwd()]:
    # As for the program `seqbench`: a file of the user, such as torch.py, must not hide a library.
    sys.path.append(sys.path.pop(0))

from seqbench.cli.main import main  # noqa: E402

sys.exit(main())
