"""Which of NVML's field values are read, all of a GPU in one call, what each becomes, and what its error codes mean. Pure data.

Identifiers and units: nvml.h, "Field Identifiers". A throttling counter counts nanoseconds with the clocks held down.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ALL_LINKS = 0xFFFFFFFF  # scope of an NVLink field: the sum over the links
KIB = 1024.0


@dataclass(frozen=True, slots=True)
class Field:
    nvml: str  # name of pynvml's constant; an older pynvml that lacks it has no such field
    name: str  # of the signal, without "gpu_"
    factor: float = 1.0
    reason: str = ""
    counter: bool = False
    scope: int | None = None
    fallback: bool = False  # read, but shown only where the fields before it of the same signal and kind are missing


def _throttled(nvml: str, reason: str, *, fallback: bool = False) -> Field:
    return Field(f"NVML_FI_DEV_{nvml}", "throttled_seconds_total", 1e-9, reason, counter=True, fallback=fallback)


FIELDS: tuple[Field, ...] = (
    Field("NVML_FI_DEV_MEMORY_TEMP", "memory_temperature_celsius"),
    Field("NVML_FI_DEV_POWER_CURRENT_LIMIT", "power_limit_watts", 1e-3),
    Field("NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "energy_joules_total", 1e-3, counter=True),
    _throttled("PERF_POLICY_POWER", "power_cap"),
    _throttled("PERF_POLICY_SYNC_BOOST", "sync_boost"),
    _throttled("CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN", "software_thermal"),
    _throttled("CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN", "hardware_thermal"),
    _throttled("CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN", "power_brake"),
    # Older drivers count heat in one counter and have none of the three before it.
    _throttled("PERF_POLICY_THERMAL", "thermal", fallback=True),
    Field("NVML_FI_DEV_ECC_SBE_VOL_TOTAL", "ecc_errors_total", reason="corrected", counter=True),
    Field("NVML_FI_DEV_ECC_DBE_VOL_TOTAL", "ecc_errors_total", reason="uncorrected", counter=True),
    Field("NVML_FI_DEV_REMAPPED_COR", "row_remaps_total", reason="corrected", counter=True),
    Field("NVML_FI_DEV_REMAPPED_UNC", "row_remaps_total", reason="uncorrected", counter=True),
    Field("NVML_FI_DEV_REMAPPED_PENDING", "row_remap_pending"),
    Field("NVML_FI_DEV_REMAPPED_FAILURE", "row_remap_failed"),
    Field("NVML_FI_DEV_PCIE_REPLAY_COUNTER", "pcie_replays_total", counter=True),
    Field("NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX", "nvlink_bytes_total", KIB, "sent", counter=True, scope=ALL_LINKS),
    Field("NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX", "nvlink_bytes_total", KIB, "received", counter=True, scope=ALL_LINKS),
    Field("NVML_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL", "nvlink_errors_total", reason="crc_flit", counter=True),
    Field("NVML_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL", "nvlink_errors_total", reason="crc_data", counter=True),
    Field("NVML_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL", "nvlink_errors_total", reason="replay", counter=True),
    Field("NVML_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL", "nvlink_errors_total", reason="recovery", counter=True),
    Field("NVML_FI_DEV_GET_GPU_RECOVERY_ACTION", "recovery_action"),
)  # fmt: skip

#: GPM metrics in percent (Hopper and later), one call for all; they are means since the sample before.
ACTIVITY: tuple[tuple[str, str], ...] = (
    ("NVML_GPM_METRIC_SM_UTIL", "sm_activity_ratio"),
    ("NVML_GPM_METRIC_ANY_TENSOR_UTIL", "tensor_activity_ratio"),
    ("NVML_GPM_METRIC_DRAM_BW_UTIL", "dram_activity_ratio"),
)

#: What the driver asks to be done about a GPU, as nvmlDeviceGpuRecoveryAction_t numbers it; 0 is nothing.
RECOVERY: tuple[str, ...] = (
    "none", "reset_gpu", "reboot_node", "drain_p2p", "drain_and_reset", "recover_imex_domain", "reset_bus", "reboot_system",
)  # fmt: skip

#: The member of an nvmlValue_t by its type, in the order of nvmlValueType_t.
MEMBERS = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")

#: nvmlFieldValue_t as it lies in memory: field, scope, time stamp, latency, type of the value, error, value. Read at once: each
#: member asked of the structure by its name costs a microsecond, and there are two hundred on a node.
_ANSWER = struct.Struct("@IIqqII8s")
_NUMBERS = tuple(struct.Struct(f"@{form}") for form in "dILQqiH")  # in the order of MEMBERS


def answers(found: Any) -> Iterator[tuple[int, int, bytes]]:
    """Type, error code (0: none) and raw value of each answer of an array of nvmlFieldValue_t."""
    return ((kind, error, raw) for _, _, _, _, kind, error, raw in _ANSWER.iter_unpack(found))


def number(kind: int, raw: bytes) -> float:
    return float(_NUMBERS[kind].unpack_from(raw)[0])


STATES: Mapping[str, str] = {
    "NVML_ERROR_NOT_SUPPORTED": "not_supported",
    "NVML_ERROR_FUNCTION_NOT_FOUND": "not_supported",
    "NVML_ERROR_INVALID_ARGUMENT": "not_supported",  # a field that is newer than the driver
    "NVML_ERROR_NO_PERMISSION": "denied",
    "NVML_ERROR_GPU_IS_LOST": "lost",
    "NVML_ERROR_GPU_NOT_FOUND": "lost",
    "NVML_ERROR_RESET_REQUIRED": "reset_required",
    "NVML_ERROR_LIBRARY_NOT_FOUND": "no_driver",
    "NVML_ERROR_DRIVER_NOT_LOADED": "no_driver",
    "NVML_ERROR_LIB_RM_VERSION_MISMATCH": "driver_mismatch",
}


class States:
    """The state that an error of this library means; "error_<code>" for one that we have no word for."""

    def __init__(self, nvml: Any) -> None:
        self._by_code = {getattr(nvml, name): state for name, state in STATES.items()}

    def of(self, problem: Exception | int) -> str:
        code = problem if isinstance(problem, int) else getattr(problem, "value", None)
        return self._by_code.get(code, f"error_{code}")
