"""Segue beside other ways to do the same work, on the same invoices, brokers and Postgres: ``make bench``.

Every contender reads a log of invoices from Kafka, keeps each customer's R, F, M and segment in Postgres, and reports
every segment change. What it stored and published is compared with an independent computation.
"""
