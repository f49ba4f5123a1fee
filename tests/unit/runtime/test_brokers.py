"""One value configures every Kafka client."""

from pathlib import Path

from runtime.brokers import Brokers

ROOT = Path(__file__).parents[3]
# The local stack's own brokers are looked after from inside.
EXEMPT = {"runtime/brokers.py", "segue/local"}


def test_every_client_is_configured_from_the_security_settings() -> None:
    sources = [
        path
        for package in ("segue", "runtime", "services", "producers", "stream_app", "batch", "dashboard", "data")
        for path in (ROOT / package).rglob("*.py")
        if not any(str(path.relative_to(ROOT)).startswith(exempt) for exempt in EXEMPT)
    ]
    assert sources
    for path in sources:
        text = path.read_text()
        assert "bootstrap.servers" not in text, f"{path}: build on Brokers.config"
        for client in ("Producer(", "Consumer(", "AdminClient("):
            if f" {client}" in text and "confluent_kafka" in text:
                assert "brokers.config" in text or "producer_config(" in text, f"{path}: build on Brokers.config"


def test_certificates_are_files_for_librdkafka_and_a_context_for_python(tmp_path: Path) -> None:
    brokers = Brokers("a:1,b:2", "SSL", certificate_file=tmp_path / "own.pem", key_file=tmp_path / "own.key")
    assert brokers.config["ssl.certificate.location"] == str(tmp_path / "own.pem")
    assert brokers.config["ssl.key.location"] == str(tmp_path / "own.key")
    assert "ssl.ca.location" not in brokers.config
    assert "sasl.mechanism" not in brokers.config
    assert Brokers("a:1").tls() is None
    assert str(brokers) == "a:1,b:2 (SSL)"
