"""hooks.py: where alerts come in, without a login, by key. pages.py: integrations as people see and change them."""
