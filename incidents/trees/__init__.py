"""An organisation's own decision tree: versions, overrides of thresholds per service, and a preview before one goes live.

overrides.py    another threshold for one service, at one place of the tree (pure)
preview.py      a past incident's stored answers under another tree (pure)
models.py       DecisionTree (a version, its text and who made it run), ThresholdOverride
queries.py      tree_for(service): what runs, the last good one where what is stored no longer validates
services.py     draft, activate, go back to the tree that ships, override
"""
