"""What would change if (R16, R19): traffic, routing, caches, prompts, replicas, commitments, judged on every binding constraint.

plan.py      what serves today and what is changed; shares of tokens, exactly (pure)
curve.py     average latency at a load per replica, as measured or as stated (pure)
outcome.py   cost and latency before and after, step by step; constraints (pure)
asked.py     texts of an address to a plan and back; presets (pure)
playbook.py  what to try first, ranked (pure)
picture.py   before and after as bars (pure)
answer.py    an address worked out whole (pure)
queries.py   what was measured: tiers, prices, tokens per request, latency at load
"""
