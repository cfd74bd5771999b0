"""Whether data of an earlier version survives the upgrade to this one."""
