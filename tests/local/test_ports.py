"""Ports of tests: nobody else's while the process lives."""

import subprocess
import sys
from pathlib import Path

from local import ports
from local.configuration import ROOT

OUTGOING = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
PRINT = "from local import ports; print(*ports.free_ports().values())"


def test_two_processes_never_get_the_same_ports_nor_those_of_outgoing_connections() -> None:
    mine = {port for _ in range(20) for port in ports.free_ports().values()}
    assert len(mine) == 20 * len(ports.DEFAULTS)
    assert max(mine) < OUTGOING
    done = subprocess.run(
        [sys.executable, "-c", PRINT], cwd=ROOT, check=True, capture_output=True, timeout=60
    )
    assert not mine & {int(port) for port in done.stdout.split()}
