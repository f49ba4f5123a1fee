"""What the command line adds to an expected error: a sentence with the command, option or variable that helps."""

from runtime.errors import Hint

_SENTENCES: dict[Hint, str] = {
    Hint.START_A_STACK: "start `segue up`, or set it",
    Hint.START_A_BROKER: "is one running? Set SEGUE_BOOTSTRAP_SERVERS, or start `segue up`",
    Hint.START_POSTGRES: "set SEGUE_DATABASE_URL, or start `segue up`",
    Hint.MIGRATE: "does the schema exist? Run `segue migrate`",
    Hint.BE_AN_OPERATOR: "run the command as `segue_operator_login` or as the owner: see docs/security.md",
    Hint.START_A_WORKER: "start one with `segue worker`, and try again",
    Hint.START_A_REPLAY: "start a replay with `segue replay DATASET` or `segue demo`",
    Hint.FIT_A_MODEL: "run `segue fit DATASET`",
    Hint.LIST_MODELS: "see `segue models list`",
    Hint.LIST_AUDIENCES: "see `segue audience list`",
    Hint.LIST_DEAD_LETTERS: "see `segue dlq list`",
    Hint.LIST_UNDELIVERED_CHANGES: "see `segue webhooks dead`",
    Hint.NAME_THE_LOG: "choose one with --log-id",
    Hint.NAME_THE_WEBHOOK: "a second webhook needs its own SEGUE_WEBHOOK_NAME",
    Hint.USE_A_FILE: "try again, or use --from FILE",
    Hint.DOWNLOAD: "`segue data fetch` downloads the real dataset",
    Hint.RAISE_THE_LIMIT: "raise it, then continue with `segue replay --resume`",
    Hint.LIST_CAMPAIGNS: "see `segue campaign list`",
    Hint.PUBLISH_CAMPAIGN: "write it with `segue campaign publish NAME`",
    Hint.SKIP_UNKNOWN: "or leave them out with --skip-unknown",
    Hint.LIST_KEYS: "`segue keys list` shows them all",
    Hint.KEEP_CHANGES: "`segue prune` keeps changes for SEGUE_CHANGES_RETENTION",
    Hint.EXPORT_A_MODEL: "`segue models export` writes it",
    Hint.OMIT_RANK_ORDER: "the option is --no-rank-order",
    Hint.OVERWRITE: "choose another name, or use --force",
    Hint.SET_LINES_ASIDE: "correct the file, or set such lines aside with --on-error skip --rejects FILE",
    Hint.SKIP_OTHER_CURRENCIES: "--on-error skip leaves the other rows out",
    Hint.SET_THE_CURRENCY: "the setting is SEGUE_CURRENCY",
    Hint.SET_THE_MASKED_URL: "the setting is SEGUE_MASKED_DATABASE_URL",
    Hint.STOP_THE_REPLAY: "Ctrl-C or SIGTERM ends it there, and `segue control pause` pauses it",
}


def with_hint(message: str, hint: Hint | None) -> str:
    """A message, followed by the sentence for a hint, if there is one."""
    return message if hint is None else f"{message}; {_SENTENCES[hint]}"


def described(reason: str, hint: Hint | None) -> str:
    """Why a dataset was chosen, with the sentence for a hint in parentheses, if there is one."""
    return reason if hint is None else f"{reason} ({_SENTENCES[hint]})"


def one_line(error: Exception) -> str:
    """The message of an error, followed by what helps against it."""
    return with_hint(str(error), getattr(error, "hint", None))
