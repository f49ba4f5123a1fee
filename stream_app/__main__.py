"""``python -m stream_app``: one worker, which is importing for most of the time until its first commit."""

from runtime.imports import without_collection


def main() -> None:
    """Run a worker until it receives SIGINT or SIGTERM; an expected error ends the process with one line."""
    with without_collection():
        from stream_app.program import run

    run()


if __name__ == "__main__":
    main()
