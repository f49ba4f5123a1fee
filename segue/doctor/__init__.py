"""``segue doctor``: looks at a set-up and says what to do. What judges is pure; what looks is in modules of its own."""
