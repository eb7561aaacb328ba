"""GPUs at work: who does how much, and how evenly (REQUIREMENTS R1).

evenness.py  which GPU stands out among its siblings (pure)
queries.py   the GPUs of a service over the last hours, spread and imbalance over a range
"""
