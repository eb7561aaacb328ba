"""On call: who is told about a service, in which order.

v1 is an ordered list of responders for a service, a team or the whole organisation; queries.policy_for() finds it.
"""
