"""The command line."""

import sys

from runtime.imports import without_collection


def main() -> None:
    """Run the command line."""
    try:
        # Imported here, so that Ctrl-C during the import exits cleanly, too.
        with without_collection():
            from segue.cli.program import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)
    except SystemError as error:
        # Ctrl-C within a callback of the Kafka client, which is written in C.
        if isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
            sys.exit(130)
        raise
