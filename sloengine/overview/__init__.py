"""All objectives of an organisation at a glance, for who has one minute: ten thousand of them in a fraction of a second.

standing.py  how many promises hold, and where least is left (pure)
queries.py   overview: of an organisation or one service
"""
