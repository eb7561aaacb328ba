"""Every tick, readings become exact increments and fill slots.

increments.py readings to increments · slots.py which slot a series feeds · totals.py increments to vectors (all three pure) ·
models.py MetricSource, Tick, KeptReading, Block, Slot · services.py one tick in one transaction · tasks.py what beat calls
"""
