"""The pages, one module each, with a ``show`` that the router calls.

The folder is not called ``pages``: Streamlit takes a folder of that name beside the main script for a menu of its own
and, until the router has run once, serves the files in it.
"""
