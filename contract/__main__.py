"""Prints ``docs/contract.md``: ``python -m contract > docs/contract.md``."""

import sys

from contract.page import page

sys.stdout.write(page())
