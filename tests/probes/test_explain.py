"""What `check` says of this machine."""

from __future__ import annotations

import pytest

from probes import explain
from probes.gpu import GpuReading, Machine


@pytest.mark.parametrize("state", ["no_driver", "no_gpu", "denied", "driver_mismatch", "not_answering"])
def test_every_reason_for_no_gpu_has_a_sentence(state):
    (line,) = explain.machine(Machine(state), listeners=())
    assert state in line
    assert len(line) > 60
    assert "no word for" in explain.machine(Machine("error_7"), listeners=())[0]


def test_a_gpu_says_what_it_shows_what_it_hides_and_what_would_help():
    states = (
        "ok",
        "power_watts_not_supported",
        "activity_denied",
        "temperature_celsius_error_999",
        "vgpu_guest",
        "recovery_reset_gpu",
    )
    reading = GpuReading(
        "GPU-1", {"memory_bytes": 1.0}, states=states, counters={("ecc_errors_total", "corrected"): 0.0}
    )
    machine = Machine("ok", (reading,), facts={"driver": "580.1", "GPU-1": "NVIDIA H100"})
    shown = "\n".join(explain.machine(machine, listeners=(1, 2)))
    for expected in (
        "1 (driver 580.1)",
        "GPU-1 NVIDIA H100: sees memory_bytes, ecc_errors_total",
        "cannot see power_watts: this board, its driver or its MIG mode does not offer it",
        "cannot see activity: this user may not ask for it; activity may need",
        "cannot see temperature_celsius: NVML error 999",
        "a virtual GPU",
        "the driver asks for: reset gpu",
        "2 that listen may be seen",
    ):
        assert expected in shown


def test_who_can_read_the_page_is_said():
    assert "without TLS and password" in explain.page(host="0.0.0.0", tls=False, auth=False)[0]
    assert explain.page(host="0.0.0.0", tls=True, auth=True)[0].endswith("with TLS and a password")
    assert explain.page(host="127.0.0.1", tls=False, auth=False)[0].endswith("this machine only")
