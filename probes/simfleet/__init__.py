"""A serving fleet without GPUs, in virtual time or over HTTP. Marked as simulated wherever it shows. Standard library and PyYAML.

Pure: `config` (what a fleet is made of) and `loader` (fleet.yaml), `traffic` (arrivals: generator or trace), `engine`
(continuous batching of `request`s), `pool` (router of a service), `rollouts` (its releases), `clients` (who ask again) and
`replica` (a process of it), `gpu` and `mig`, `prompts` and `answers` (references, quality by slice), `mechanisms` (single
causes) and `faults` (what drills play), `orders` (what a caller asks to break), `openai` (the API's documents), `operations`
(what an operator orders), `control` (signed, each once a key), `probing` (how a probe looks at the fleet).
Pages: `vllm` (engine), `gateway` (LiteLLM's names), `gpu` (DCGM exporter's names), `app` (what the business counts).
`fleet` is the facade; `load` is the past without events; `server` and `__main__` are the edges (HTTP, wall time).
"""
