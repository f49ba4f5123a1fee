"""The command line."""

from segue.cli.app import main

__all__ = ["main"]
