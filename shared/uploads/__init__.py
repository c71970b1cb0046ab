"""Bulk intake: the rows of a CSV or XLSX file become ordinary events of the district, by the one door there is.

A file is judged whole before its first event is sent, and its events have ids that follow from its bytes.
"""
