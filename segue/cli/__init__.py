"""The command line."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        # Imported here, so that Ctrl-C during the import exits cleanly, too.
        from segue.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)
