"""What travels over Kafka: wire types, events and the documents made from them."""
