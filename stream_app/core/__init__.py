"""The pure core: decode records, drop duplicates, decide segments, and number the changes."""
