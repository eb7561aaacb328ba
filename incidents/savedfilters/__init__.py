"""Saved filters of the incident list: a name for a narrowed list, one's own or shared with everyone in the organisation."""
