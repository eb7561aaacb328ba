"""The executive dashboard of the last week as a message, for who asked for it.

services.py  send_due: what it says; when and to whom is incidents/digests'
"""
