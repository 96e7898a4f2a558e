"""Requests for records: a base folder with the code and the boards, and a request folder of which only records count.

The code that checks is that of the base. Nothing of the request is imported, installed or executed.
"""
