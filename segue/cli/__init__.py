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
    except SystemError as error:
        # Ctrl-C within a callback of the Kafka client, which is written in C.
        if isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
            sys.exit(130)
        raise
