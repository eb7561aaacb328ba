"""From a page to the cause, with the evidence.

evidence.py     what a question needs (Query) and what an answer is (Answer, Evidence); "cannot tell" is an answer
vocabulary.py   every signal that a tree or a runbook may name, with unit, meaning and sentence
measured.py     measures and the four ways each is compared: last hour, last week, between replicas, between regions
signals.py      the vocabulary as one table; a value and an answer in words
answers.py      each signal's reader: speed.py failing.py tails.py parts.py slices.py worth.py levels.py
conditions.py   `queue_growth_share > 50 %`, any, all: parsed against the vocabulary, judged three-valued
measures.py     the arithmetic of shares, factors, growth, skew
tree.py         Tree, evaluate(tree, signals) -> Diagnosis: path, evidence, rivals, confidence
treefile.py     YAML to Tree, validated whole, each problem with file, line, path, found, expected
record.py       Diagnosis to the JSON that an incident stores and a page draws
replay.py       the replay suite: its port, paired verdicts per slice
default_tree.yaml default_leaves.yaml  the first-response tree (REQUIREMENTS R20); shipped.py reads both as one
surroundings/   Findings, changes, versions and incidents elsewhere, read at once for many services (shell)
queries.py      a service's signals from rollups (shell)
services.py     diagnose, diagnose_open, replay_due: store, explain, write the timeline (shell)
"""
