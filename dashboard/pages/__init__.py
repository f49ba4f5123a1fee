"""The pages, a package each; none imports another.

In each of them ``page`` draws, ``figures`` and ``markup`` are pure functions, and ``queries`` reads Postgres. Code that
two pages need is in :mod:`dashboard.shared`.
"""
