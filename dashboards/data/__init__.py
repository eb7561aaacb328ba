"""The only callers of queries: one module a page, from rows to the values of its report."""
