"""What is lent: loans from reservation to return, what they hold meanwhile, the messages that tell of it."""
