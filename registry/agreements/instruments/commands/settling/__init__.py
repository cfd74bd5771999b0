"""What follows when an agreement is computed anew: who is bound when, and what comes about by that."""
