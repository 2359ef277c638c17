"""Who waits for another's Lease is there when it ends."""

from typing import Any, cast
from unittest.mock import AsyncMock

import pytest

from eventonight_operator.election import LEASE_SECONDS, LOOK_SECONDS, Election
from eventonight_operator.kube.client import Kube

HELD: dict[str, Any] = {"spec": {"holderIdentity": "one", "renewTime": "then"}}


@pytest.mark.parametrize(
    ("after", "pause"),
    [(0.0, LOOK_SECONDS), (14.5, 0.5), (12.5, LOOK_SECONDS), (LEASE_SECONDS + 1, LOOK_SECONDS)],
)
async def test_the_last_pause_ends_with_the_lease(after: float, pause: float) -> None:
    now, kube = [100.0], AsyncMock()
    kube.get.return_value = HELD
    other = Election(cast("Kube", kube), "lease", "other", lambda: now[0])
    assert not await other._try()
    now[0] += after
    assert other._pause() == pytest.approx(pause)
