"""Roof and floor of Tailwatch.

Floor: `core` (organisations, people, permissions, audit, clock, claims, outbound HTTP, secrets). It imports nothing of ours.
Roof: `settings` and `env` (configuration), `urls`, `celery` (the beat table), `health`, `supervisor` (the platform on one
machine), `virtual` (the same beat table in virtual time), `demo` (the demo's past), `replays` (the replay suite over HTTP).
"""
