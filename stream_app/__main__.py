"""``python -m stream_app``: one worker, which is importing for most of the time until its first commit."""

import gc


def main() -> None:
    """Run a worker until it receives SIGINT or SIGTERM; an expected error ends the process with one line."""
    # Imports make some hundred thousand objects that stay, and hardly any garbage. Looking for it would take a fifth of
    # their time, and again and again later.
    gc.disable()
    from stream_app.program import run

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
