"""Dashboards: pictures for people with one minute, each answering its title's question in a sentence first.

view.py       the Django view that serves Dash: same login, session, roles and content policy; read-only
app.py        the Dash app, built on the first request (importing Dash takes seconds)
data.py       the only caller of queries
figures.py    values to Plotly figures (pure)
sentences.py  the answers in words (pure)
theme.py      one colour, one meaning (pure)
pages/        one module a page: slo.py
"""
