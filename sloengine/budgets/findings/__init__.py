"""Findings: what the engine tells the layer above.

steps.py     from what holds now and what stands open to the next step: open, hold, clear (pure)
services.py  settle: claims against standing rows
"""
