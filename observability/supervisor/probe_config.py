"""The probe agent's first configuration: for the demo fleet, or one that only looks at this machine's GPUs. Pure."""

from __future__ import annotations

import yaml

from observability.supervisor.plan import Ports
from probes.simfleet import probing
from probes.simfleet.config import default_config

EMPTY = """\
# The probe agent of this machine. Add what it shall watch, then end the probe's process: `up` starts it again.
# Every key, with an example: deploy/probes.example.yaml. To try a file: python -m probes check --config FILE
listen: 127.0.0.1:{probe}
gpu: auto
targets: []
"""


def empty(ports: Ports) -> str:
    """Nothing to scrape yet: GPUs of this machine, if it has any."""
    return EMPTY.format(probe=ports.probe)


def demo(ports: Ports) -> str:
    """The simulated fleet's own description of itself, at this platform's ports."""
    document = probing.document(
        default_config(), base_url=f"http://127.0.0.1:{ports.fleet}", listen=f"127.0.0.1:{ports.probe}"
    )
    return "# Written by `up --demo` at each start.\n" + yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
