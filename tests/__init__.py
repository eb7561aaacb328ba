"""Tests mirror the packages and are named by what they promise.

conftest.py servers.py   real PostgreSQL, Redis, Prometheus, Alertmanager and Chromium, started on demand
factories.py worlds.py   one of each row; big seeded worlds
scenarios/               incidents told as stories, in virtual time
crash/                   kill -9 and emptied brokers
browser/                 a person's walk, in a real Chromium
benchmarks/              ratios against a peer or a baseline: python -m tests.benchmarks
"""
