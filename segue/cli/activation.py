"""Activating a model from the command line, and waiting until the workers have rescored all customers."""

from data.postgres import progress
from data.postgres.database import engine
from models.segment_model import SegmentModel
from producers import model_activation
from producers.log_session import LogSession, session
from producers.model_activation import Activation, ActivationProgress
from runtime.counts import many
from runtime.settings import Settings
from segue.cli.auditing import recorded
from segue.cli.console import messages, progress_bar


def activate_first(settings: Settings, model: SegmentModel) -> bool:
    """Bring the first model to partitions that collect customers without one; returns whether there are any."""
    if not progress.collecting(engine(settings.database)):
        return False
    with session(settings) as open_session:
        with recorded(open_session.postgres, "models activate", model.version):
            sent = model_activation.activate(open_session, model)
        messages.print(f"{model.version} is in all {len(sent.ends)} partitions of the log.")
        wait(open_session, sent)
    return True


def wait(open_session: LogSession, sent: Activation) -> None:
    """Show how the workers apply an activation, until they have rescored all customers."""
    try:
        with progress_bar(transient=False) as bar:
            task = bar.add_task("waiting for a worker", total=None)

            def display(state: ActivationProgress) -> None:
                what = f"{many(state.records, 'record')} before it" if state.records else "rescoring customers"
                bar.update(task, description=what, total=state.customers, completed=state.customers - state.waiting)

            model_activation.wait(open_session, sent, display)
    except KeyboardInterrupt:
        messages.print("The workers continue without this command; `segue models list` shows the active models.")
        raise
