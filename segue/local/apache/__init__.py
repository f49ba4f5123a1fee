"""Apache Kafka on this machine, without Docker: Maven downloads the jars, the installed Java runs them."""
