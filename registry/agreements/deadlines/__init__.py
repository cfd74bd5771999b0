"""What an agreement makes due and when: derived from its dates, never typed."""
