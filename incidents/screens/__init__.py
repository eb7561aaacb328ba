"""What the pages show, gathered: one frozen value a page, so that a template asks the database nothing.

board.py     (pure) the Now page: rows, states, the sentence on top
sheet.py     (pure) the incident page: facts, steps, the sentence under the headline
queries/     now.py incident.py lists.py: the only readers
"""
