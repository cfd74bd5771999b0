"""Commands that record a decision or an answer to one."""
