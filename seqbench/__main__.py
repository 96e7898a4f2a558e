"""Entry point of ``python -m seqbench``."""

import sys
from pathlib import Path

if sys.path[:1] == [str(Path.cwd())]:
    # As for the program `seqbench`: a file of the user, such as torch.py, must not hide a library.
    sys.path.append(sys.path.pop(0))

from seqbench.cli.main import main

sys.exit(main())
