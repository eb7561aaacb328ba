"""Drills: a fault of the simulated fleet, played in real time for people, and what they and the platform made of it.

score.py     (pure) detection, branch, leaf, runbook, the time to each step; best and median over many
models.py    a drill and who takes part
queries.py   which incidents belong to one, whom its messages may reach, what was told, history
services.py  start, join, end, drive_due: the fault always ends, whoever forgets it
"""
