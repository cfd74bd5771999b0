"""Who is calling and what they may do: tokens, principals, roles, the permission table, visibility."""
