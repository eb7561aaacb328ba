"""Template tags of the pages: load tailwatch."""
