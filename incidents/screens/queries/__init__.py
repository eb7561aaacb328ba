"""The readers behind the pages: they load what board.py and sheet.py describe, in a fixed number of queries a page."""
