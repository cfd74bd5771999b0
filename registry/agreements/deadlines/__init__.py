"""What an agreement makes due and when, derived from its dates; its periodic reviews, retention and legal holds."""
