"""tmp"""
import sys
from segue.settings import Settings
from stream_app.worker import run_worker
from stream_app.publisher import Topics
def main() -> None:
    s=Settings()
    run_worker(bootstrap_servers=s.bootstrap_servers,database_url=s.database_url.get_secret_value(),topics=Topics(s.transactions_topic,s.changes_topic,s.segments_topic,s.dead_letters_topic),group=s.consumer_group,log_id=s.log_id,currency=s.currency,batch_size=s.batch_size,session_timeout=s.session_timeout)
