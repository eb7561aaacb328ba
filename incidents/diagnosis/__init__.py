"""From a page to the cause, with the evidence.

evidence.py     what a question needs (Query) and what an answer is (Answer, Evidence); "cannot tell" is an answer
signals.py      the vocabulary: every signal a tree or a runbook may name, with unit, meaning and sentence
conditions.py   `queue_growth_share > 50 %`, any, all: parsed against the vocabulary, judged three-valued
measures.py     the arithmetic of shares, factors, growth, skew
tree.py         Tree, evaluate(tree, signals) -> Diagnosis: path, evidence, rivals, confidence
treefile.py     YAML to Tree, validated whole, each problem with file, line, path, found, expected
record.py       Diagnosis to the JSON that an incident stores and a page draws
replay.py       the replay suite: its port, paired verdicts per slice
default_tree.yaml  the first-response tree (REQUIREMENTS R20), version 1
queries.py      a service's signals from rollups and Findings (shell)
services.py     diagnose, diagnose_open, replay_due: store, explain, write the timeline (shell)
"""
