"""Personnel: what an agency's people can do, when they can be sent, and what others may learn: of no single one."""
