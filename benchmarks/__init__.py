"""What the product costs, beside the least that the same work could cost: ``make bench``.

Every figure is a ratio between two things measured in turns (A B A B) in the same minute, so that
it holds on machines of any speed. `stand` starts the real servers, `rounds` takes turns, `load`
asks over HTTP, `processes` counts processor time, `figures` knows spreads and bars.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

# The stack of real servers and the client are those of the tests.
sys.path.append(str(ROOT / "tests"))
