"""Entry point of ``python -m seqbench``."""

import sys

from seqbench.cli.main import main

sys.exit(main())
