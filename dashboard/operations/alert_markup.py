"""The text about alerts: each rule, its limit, where it writes to, and its incident. Pure."""

from dashboard.operations.alert_rules import Remembered
from dashboard.shared import style
from dashboard.shared.literal import escape
from models.audience_text import to_text
from runtime.money import Money
from services.alerts.incidents import Incident
from services.alerts.measures import Measured
from services.alerts.messages import amount
from services.alerts.rules import Rule
from services.alerts.state_file import STATE_NAME

HOW_TO_BEGIN = (
    '<div class="sg-note">No rules: name a file of rules in <code>SEGUE_ALERT_RULES</code>, here and where '
    "<code>segue alerts run</code> runs.</div>"
)
FILE = f"<code>{STATE_NAME}</code> in <code>SEGUE_STATE_DIR</code>"
TEST = (
    "Where <code>segue alerts run</code> runs, <code>segue alerts test</code> sends a test message to every "
    "destination and says whether it was accepted; <code>segue alerts check</code> shows every measure now."
)


def rules(found: Remembered, money: Money) -> str:
    """All rules, one row each, and where the state is from."""
    body = "".join(_row(rule, found, money) for rule in found.rules)
    wide = "".join(f'<th class="sg-wide">{name}</th>' for name in ("Of", "Writes to"))
    head = f"<tr><th>Rule</th><th>Above</th>{wide}<th>Incident</th></tr>"
    if found.changed_at is None:
        source = f"Nothing is remembered yet: there is no {FILE}."
    else:
        source = f"From {FILE}, last changed {style.stamp(found.changed_at)} (wall clock, UTC)."
    note = f'<div class="sg-note">{source} {TEST}</div>'
    return f'<table class="sg-table"><thead>{head}</thead><tbody>{body}</tbody></table>{note}'


def _row(rule: Rule, found: Remembered, money: Money) -> str:
    limit = amount(rule, rule.above, Measured(rule.above, ""), money)
    of = "" if rule.audience is None else f"the audience {rule.audience}"
    of = to_text(rule.where) if rule.where is not None else of or rule.measure.replace("_", " ")
    known = (found.incidents or {}).get(rule.name, {})
    states = {name: _state(known.get(name)) for name in rule.to}
    shown = [*dict.fromkeys(states.values())]
    incident = shown[0] if len(shown) == 1 else "; ".join(f"{name}: {text}" for name, text in states.items())
    fires = any(each.since is not None for each in known.values())
    return (
        f'<tr data-alert-rule="{escape(rule.name)}" data-fires="{str(fires).lower()}"><td>{escape(rule.name)}</td>'
        f'<td>{escape(limit)}</td><td class="sg-wide">{escape(of)}</td>'
        f'<td class="sg-wide">{escape(", ".join(rule.to))}</td>'
        f"<td>{escape(incident)}</td></tr>"
    )


def _state(incident: Incident | None) -> str:
    if incident is None:
        return "none"
    if incident.unknown_since is not None:
        sent = "a message was sent" if incident.unknown_reported else "no message yet"
        return f"can't be checked since {style.stamp(incident.unknown_since)}, {sent}"
    if incident.since is None:
        return "none"
    sent = "a message was sent" if incident.reported else "no message yet"
    calm = "" if incident.calm_since is None else f", not above since {style.stamp(incident.calm_since)}"
    return f"above its limit since {style.stamp(incident.since)}, {sent}{calm}"
