"""The agent that runs beside the GPUs: it reads, it measures, it exports canonical series. It imports nothing of ours.

Bottom layer, pure, imported by everyone: `exposition` (parse and render), `signals` (vocabulary), `dialects` (engines as data).
Decisions, pure: `config`, `replica`, `sse`, `embed`, `drift`, `assertions`, `gpu`, `inventory`.
Edges: `http` (httpx), `nvml` (the only pynvml), `canary` and `agent` (the loop), `exporter` (the page), `__main__`.
`simfleet` is a serving fleet without GPUs that speaks the same dialects.
"""
