"""Policy decisions: whether an agency may borrow a resource, under which agreement, and on which conditions."""
