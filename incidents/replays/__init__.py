"""The shadow log: what each version of a service said to the stored prompts, kept for the day when it can no longer be asked.

shelf.py     what is kept, for how long, how much (pure)
models.py    StoredAnswer
queries.py   answers of a version, versions with answers
services.py  keep what a replay was told; ask new versions while they are well
views.py urls.py api.py  the button on the incident page, the answers over REST
"""
