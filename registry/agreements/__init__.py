"""What agencies agreed to: instruments, their parties, versions and terms, and when each party is bound."""
