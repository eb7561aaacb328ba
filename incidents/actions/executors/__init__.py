"""Who carries actions out, one file a kind: webhook, kubernetes, github, probe. `base` holds what they share."""
