"""Incidents told as stories, in virtual time: real fleet events, real database, pages over real HTTP."""
