"""The demo: break something in the simulated fleet, and the phone that receives the pages.

faults.py    (pure) which fault, drawn by lot
services.py  break_something: tells the fleet and writes down what was told
queries.py   what was broken last and whether it was found; what the phone received
views.py     the button and the phone
"""
