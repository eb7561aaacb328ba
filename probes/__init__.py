"""The agent that runs beside the GPUs: it reads, it measures, it exports canonical series. It imports nothing of ours.

Bottom layer, pure, imported by everyone: `exposition` (parse and render), `signals` (vocabulary), `dialects` (engines as data).
Configuration, pure: `config`, `sources` (of targets), `attribution`, `clientside`, `shape` (documents read with path, found,
expected), `assertions`.
What is read and asked, pure: `replica` (raw to canonical), `discovery` (answers to targets), `roster` and `join` (which targets,
on which GPUs), `inventory`, `latency` (p95 per token), `gpu` and `cards`, `fields` and `xid` (what NVML's numbers mean), `spread`
(R1), `faults`, `canary`, `openai` and `sse` (streams), `embed` and `drift` (similarity), `tally` (own counters), `requests` from
`spans` and `accesslog`, `streams` and `exponential` (pushed histograms), `podresources` (the kubelet's bytes), `watch` (one target) and
`watchlist` (all of them), `serving` (what a service's pages say together), `pulse` (does an engine move), `window` (its p95), `naming`.
Edges: `fetch`, `http` and `connecting` (httpx), `finder` (sources), `procfs`, `tail`, `otlp` and `receivers`, `kubelet` (gRPC),
`nvml` (the only pynvml), `nvmlparts` and `gpuwatch` (its slow half), `agent` (the loop),
`listener` and `exporter` (the page), `run`, `report` and `__main__` (the command line).
`simfleet` is a serving fleet without GPUs that speaks the same dialects.
"""
