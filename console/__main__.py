"""``python -m console`` is ``qilu``."""

import sys

from console.cli import main

sys.exit(main())
