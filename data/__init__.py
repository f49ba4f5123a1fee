"""What a transaction is, on the wire and at rest, and where it comes from."""
