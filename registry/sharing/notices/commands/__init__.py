"""Commands of notices: what people choose, and telling them."""
