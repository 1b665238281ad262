"""Answers from the pages that a search found: quoted, or written by a local model and then checked.

Works on records and protocols; it opens no index, loads no model and never touches a file.
"""
