"""Headroom against measured saturation: when do we run out, and what does one more replica buy (R17).

headroom.py   saturation of a replica, what replicas carry, days on which they no longer do (pure)
telling.py    the same in words, as plain data and as a picture (pure)
queries.py    what was measured of one service
"""
