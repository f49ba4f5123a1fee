"""The command line."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        # Not at the top: a Ctrl-C while everything is being imported is a Ctrl-C like any other.
        from segue.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)
