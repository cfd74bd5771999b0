"""Everything that changes an agreement, by what a person does."""
