"""Hypothesis profiles: ``fast`` in ``make test-fast``, ``standard`` otherwise.

Also for processes that tests start: no test crashes the machine, so no Postgres server has to wait for the disk.
"""

import os

from hypothesis import settings

from segue.local.postgres import SYNC_VARIABLE
from tests.support.examples import STANDARD

# The time that an example takes says more about the machine than about the code: no deadlines.
settings.register_profile("fast", deadline=None, max_examples=STANDARD // 5)
settings.register_profile("standard", deadline=None, max_examples=STANDARD)
# ``--hypothesis-profile`` is read later than this file, and wins.
settings.load_profile("standard")

os.environ.setdefault(SYNC_VARIABLE, "off")
