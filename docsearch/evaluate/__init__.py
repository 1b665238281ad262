"""How good a search is: judged queries, standard metrics with their uncertainty, and reports.

Knows rankings only. It opens no index and no model; a search comes to it as a function.
"""
