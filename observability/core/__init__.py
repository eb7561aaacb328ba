"""The floor: what every package stands on, importing nothing of ours.

models        Organisation, User, Team, Membership, AuditEntry
permissions   roles x verbs in one table; allowed(), require()
audit         record(): the append-only log
clock         now(): the only clock
claims        claim() takes due rows with a lease; nudge() hurries a task along
outbound      guarded HTTP to addresses that users typed in
fields        EncryptedTextField
tokens        secrets shown once, kept as hashes
documents     what is wrong with a document that is validated whole
"""
