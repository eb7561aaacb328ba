"""Looking ahead: hand-overs are told, gaps are found before they come and paged to the fallback, notices are sent.

Above response and paging, since a gap opens an incident. decide.py is pure; services.py has the two beats.
"""
