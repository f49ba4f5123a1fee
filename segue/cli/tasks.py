"""What people want to do, and the commands that do it: the table at the top of docs/cli.md."""

from typing import NamedTuple


class Task(NamedTuple):
    """A goal as a user would put it, and the commands that reach it, without backquotes."""

    goal: str
    commands: tuple[str, ...]


TASKS = (
    Task("see everything at work on one dataset", ("segue demo FILE",)),
    Task("check a whole dataset at full speed, without a dashboard", ("segue demo --once FILE",)),
    Task("download the real dataset (45 MB from UCI; `--from` names a mirror or a file)", ("segue data fetch",)),
    Task("see what a file contains, and which rows are left out", ("segue data describe FILE",)),
    Task("generate a dataset with the same shape", ("segue data generate shop.parquet --customers 5000",)),
    Task("start a broker, Postgres, a worker and the dashboard, and keep them running", ("segue up",)),
    Task("stop them from another terminal", ("segue down",)),
    Task("explore a dataset: one interactive HTML page", ("segue explore FILE -o report.html",)),
    Task("fit a model on a file, or on the stream's customers", ("segue fit FILE --k auto", "segue fit --from-stream")),
    Task(
        "get every customer's segment from a file alone, without a stack",
        ("segue fit FILE -o model.json --assign out.csv", "segue score FILE --model model.json -o out.csv"),
    ),
    Task("reproduce the textbook pipeline", ("segue fit FILE --preset classic",)),
    Task("list, show and compare models", ("segue models list", "segue models show V", "segue models compare A B")),
    Task("export and import models", ("segue models export V", "segue models import FILE")),
    Task("activate another model while everything runs", ("segue models activate V",)),
    Task("replay a file, paced by event time", ("segue replay FILE --speed 1d/s",)),
    Task("see what a replay would send", ("segue replay FILE --dry-run",)),
    Task("continue after an interruption", ("segue replay FILE --resume",)),
    Task("disturb a running stack on purpose", ("segue replay FILE --chaos duplicates=0.02,late=0.05 --seed 1",)),
    Task(
        "pause a running replay, resume it, or change its speed",
        ("segue control pause", "segue control resume", "segue control speed 500x"),
    ),
    Task("see the stream's progress, and whether a partition is stuck", ("segue status",)),
    Task("skip a record that keeps a partition from continuing", ("segue skip PARTITION OFFSET --reason TEXT",)),
    Task("forget a customer", ("segue forget CUSTOMER",)),
    Task("check a set-up, and read what to do", ("segue doctor",)),
    Task("see every setting, and where its value comes from", ("segue settings",)),
    Task("check the stream against the raw data", ("segue reconcile FILE --history",)),
    Task("look at one customer: segment, numbers, next and last changes", ("segue customer CUSTOMER",)),
    Task("see every customer's segment and numbers at a past moment", ("segue as-of DATE -o out.csv",)),
    Task("see who was in an audience at a past moment", ("segue audience show NAME --as-of DATE",)),
    Task("see the history that another model would have had, beside the published one", ("segue backfill MODEL",)),
    Task("follow segment changes as JSON lines (`--topic` reads Kafka)", ("segue changes --follow",)),
    Task(
        "follow only some changes",
        ("segue changes --follow --topic --where 'to = Hibernating and monetary > 1000'",),
    ),
    Task(
        "write to people when something exceeds a limit",
        ("segue alerts run", "segue alerts check", "segue alerts test"),
    ),
    Task(
        "name a group of customers, count it, and get one row a customer, with columns of your own",
        (
            "segue audience save NAME --segment Champions --risk overdue",
            "segue audience list",
            "segue audience show NAME",
            "segue audience count NAME",
            "segue audience delete NAME",
            "segue audience export NAME out.csv --join crm.csv",
        ),
    ),
    Task("get the JSON Schemas of the messages", ("segue schema segment-changed", "segue schema --out FOLDER")),
    Task("let subscribers repair their state", ("segue publish-snapshot",)),
    Task("send changes to an HTTP endpoint, signed, retried and in order", ("segue webhooks run",)),
    Task(
        "see and retry what a webhook could not deliver",
        ("segue webhooks status", "segue webhooks dead", "segue webhooks retry"),
    ),
    Task(
        "start a campaign with a holdout, get its list, and see whether it helped",
        (
            "segue campaign start NAME --from customers.csv",
            "segue campaign start NAME --audience NAME",
            "segue campaign export NAME list.csv",
            "segue campaign show NAME",
        ),
    ),
    Task(
        "see all campaigns, and finish a start that was interrupted",
        ("segue campaign list", "segue campaign publish NAME"),
    ),
    Task("observe drift beside the workers", ("segue up --drift", "segue drift watch", "segue drift status")),
    Task("replace the champion after drift", ("segue models promote",)),
    Task(
        "kill workers, broker and Postgres at random, then check the result", ("segue soak FILE --seed 1 --faults 20",)
    ),
    Task(
        "run the worker through thousands of simulated histories with faults", ("segue sim --seed 1 --histories 1000",)
    ),
    Task(
        "run a live stream: orders over HTTP, time from the wall clock", ("segue up --live", "segue clock", "segue api")
    ),
    Task(
        "read orders that are already in a Kafka topic",
        (
            "segue ingest --topic orders --mapping shop.toml",
            "segue ingest --topic orders --mapping shop.toml --dry-run 10",
        ),
    ),
    Task(
        "let a service use the HTTP API",
        ("segue keys create till --write", "segue keys list", "segue keys revoke ID"),
    ),
    Task("run one more worker, or only a dashboard", ("segue worker", "segue dashboard")),
    Task("create or upgrade the database schema and its roles", ("segue migrate",)),
    Task("create the topics as a user who may", ("segue topics",)),
    Task("delete old changes, dead letters and rows of the audit from Postgres", ("segue prune",)),
    Task("see who did what, and who downloaded what", ("segue audit",)),
    Task(
        "see dead letters, retry them after their cause is fixed, or discard them",
        ("segue dlq list", "segue dlq show", "segue dlq retry", "segue dlq discard"),
    ),
    Task("see faults of the log, and resolve them", ("segue faults list", "segue faults resolve")),
)
