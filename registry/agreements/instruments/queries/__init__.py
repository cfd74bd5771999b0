"""Questions about agreements: who is bound to whom, who may see what, and what is shown."""
