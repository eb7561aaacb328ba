"""What moved before any budget burns: each golden signal of each service against its own last hour, at every tick.

watched.py    the signals: what is read, how far is far (pure)
detector.py   the test, its rate of false alarms, all signals at once (pure)
record.py     what is kept of it between two ticks (pure)
words.py      a sentence and the evidence (pure)
precedence.py does a small rise of latency precede a fall of quality (pure)
queries.py    the signals' values, from the rows that objectives are counted from
services.py   one claim a service, for Findings of kind `moved`
"""
