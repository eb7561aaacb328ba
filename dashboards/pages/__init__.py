"""One module a page: values in, Dash components out."""
