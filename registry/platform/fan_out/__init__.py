"""A copy of what everybody may hear of, for programs of the operator, in a stream of NATS JetStream."""
