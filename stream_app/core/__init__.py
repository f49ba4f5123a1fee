"""The pure core: decode records, drop duplicates, apply them, and number the changes."""
