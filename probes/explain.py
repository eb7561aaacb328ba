"""What a probe can and cannot see of this machine, and why, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from probes.gpu import GpuReading, Machine

#: Why there is no GPU, or nothing of one.
MACHINE = {
    "no_driver": "no NVIDIA driver answers: it is not installed, not loaded, or its library is not in this container "
    "(NVIDIA_DRIVER_CAPABILITIES=utility, runtimeClassName: nvidia)",
    "no_gpu": "the driver answers and has no GPU for this process: check NVIDIA_VISIBLE_DEVICES and the container's devices",
    "denied": "the driver refuses this user: it must be allowed to read and write /dev/nvidiactl and /dev/nvidia0, ...",
    "driver_mismatch": "the driver's library and its kernel module are of different versions: restart after the update",
    "not_answering": "the driver does not answer: a call hangs, as it does when a GPU is failing",
    "failed": "reading it failed; the log has the reason",
}
#: Why one value is missing; the ending of its state.
WHY = {
    "not_supported": "this board, its driver or its MIG mode does not offer it",
    "denied": "this user may not ask for it",
    "lost": "the GPU is off the bus",
    "no_sensor": "the board has no such sensor and reads 0",
    "no_sample": "no sample since the reading before",
    "reset_required": "the GPU wants a reset first",
}
#: What to do about a value that is denied.
REMEDY = {
    "activity_denied": "activity may need NVreg_RestrictProfilingToAdminUsers=0 or CAP_SYS_ADMIN",
    "processes_denied": "the process list needs the host's PID namespace",
    "xid_denied": "XID events need a privileged user under MIG; otherwise they are in the kernel log",
}


def machine(found: Machine, *, listeners: Collection[int]) -> list[str]:
    """`listeners`: processes of this machine whose ports may be seen."""
    if not found.gpus:
        return [
            f"GPUs here: none, {found.state}: {MACHINE.get(found.state, 'the driver answered with an error we have no word for')}"
        ]
    driver = ", ".join(f"{name} {found.facts[name]}" for name in ("driver", "cuda") if name in found.facts)
    lines = [f"GPUs here: {len(found.gpus)} ({driver or 'the driver does not tell its version'})"]
    for reading in found.gpus:
        lines += _gpu(reading, found.facts.get(reading.uuid, ""))
    lines.append(
        f"processes here: {len(listeners)} that listen may be seen, so engines join their GPUs and tell their arguments"
        if listeners
        else "processes here: none that listen may be seen (another PID namespace, or hidepid): name `gpus` in the "
        "configuration, or let a DCGM exporter's pods join them"
    )
    return lines


def _gpu(reading: GpuReading, model: str) -> list[str]:
    names = [*reading.values, *dict.fromkeys(name for name, _ in reading.counters)]
    lines = [f"  {reading.uuid}{f' {model}' if model else ''}: sees {', '.join(names) or 'nothing'}"]
    lines += [f"    cannot see {_missing(state)}" for state in reading.states if state != "ok" and not _role(state)]
    lines += [f"    {_role(state)}" for state in reading.states if _role(state)]
    return lines


def _missing(state: str) -> str:
    for ending, reason in WHY.items():
        if state == ending:
            return f"anything: {reason}"
        if state.endswith(f"_{ending}"):
            what = state.removesuffix(f"_{ending}")
            return f"{what}: {reason}" + (f"; {REMEDY[state]}" if state in REMEDY else "")
    return state.replace("_error_", ": NVML error ")


def _role(state: str) -> str:
    if state.startswith("recovery_"):
        return f"the driver asks for: {state.removeprefix('recovery_').replace('_', ' ')}"
    return {
        "vgpu_guest": "a virtual GPU: power, clocks and XID events are the host's",
        "vgpu_host": "lends virtual GPUs: what runs on them is not seen from here",
    }.get(state, "")


def page(*, host: str, tls: bool, auth: bool) -> Sequence[str]:
    """Who can read the probe's own page."""
    local = host in ("127.0.0.1", "localhost", "::1")
    guard = " and ".join(what for what, is_on in (("TLS", tls), ("a password", auth)) if is_on)
    return [
        f"the page: on {host}, {'this machine only' if local else 'every machine that reaches it'}"
        + (f", with {guard}" if guard else "" if local else ", without TLS and password (listen_tls, listen_auth)")
    ]
