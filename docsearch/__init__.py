"""docsearch: find a page among your own documents, offline."""

__version__ = "0.1.0"
