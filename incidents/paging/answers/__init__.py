"""What people answer from where they were reached: a button in Slack, a key on the phone, a vendor that says what became of it."""
