"""Guarded first response (REQUIREMENTS R21): offered with its reason, approved by another, carried out, verified, taken back.

kinds.py      the actions that there are (pure)
guards.py     for a leaf and the situation: which is offered, and why not (pure)
document.py   executors and bindings as YAML, taken whole or refused whole; documentreader.py walks it (pure)
permits.py    who may propose, approve, run, and when a worker may begin (pure)
course.py     what an executor's answer means, and what follows a lost worker (pure)
offer.py, buttons.py   what a page shows: offers, replicas, parameters, what may be pressed (pure)
executors/    webhook, kubernetes, github, probe; base.py holds the transport, which virtual time exchanges
services/     settings, asking, proposing, working, verifying
"""
