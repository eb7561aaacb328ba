"""The trade-off matrix: batch step by queue depth, and the cells in which latency and throughput both hold (REQUIREMENTS R18).

matrix.py   windows of time into cells (pure)
queries.py  those windows, from rollups
"""
