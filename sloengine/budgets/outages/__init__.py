"""Outages: what must wake somebody within two ticks, whatever the budget says.

outage.py    is everything failing, is everything down, did the metrics vanish (pure)
services.py  claims about services and about sources that cannot be read
"""
