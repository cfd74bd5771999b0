"""Mail to people: who may be written to, the letters that wait, and how they are sent. Others say what is told."""
