"""What the SLO pages show, gathered.

page.py     (pure) the table and the page of one objective as values, and their sentences
queries.py  the only reader
"""
