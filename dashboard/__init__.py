"""The dashboard: a package per page, which imports no other page, and :mod:`dashboard.shared` for what pages share.

In each page's package ``page`` draws, ``figures`` and ``markup`` are pure functions, and ``queries`` reads Postgres.

No folder here may be called ``pages``: Streamlit takes such a folder beside its script for its own list of pages, and
answers the first link to any page with "Page not found".
"""
