"""What the person who runs the fault tests may choose: form, load, and the seed of all chance."""

import os
import random

SHORT = bool(os.environ.get("SHORT"))
EACH = int(os.environ.get("FAULT_EACH") or (60 if SHORT else 500))
SEED = int(os.environ.get("FAULT_SEED") or random.randrange(1_000_000))  # noqa: S311 - chance, not a secret
