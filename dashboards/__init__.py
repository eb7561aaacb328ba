"""Dashboards: pictures for people with one minute, each answering its title's question in a sentence first.

view.py     the Django view that serves Dash: same login, session, roles and content policy; read-only; CSV
app.py      the Dash app, built on the first request (importing Dash takes seconds)
shelf.py    the dashboards there are
choice.py   what a page is narrowed to, in its address (pure)
data/       the only callers of queries, one module a page
reports/    values, sentences and rows of each page (pure)
pages/      reports to Dash components; frame.py is what all of them share
digest/     the week as a message
figures.py  values to Plotly figures (pure)
theme.py    one colour, one meaning (pure)
"""
