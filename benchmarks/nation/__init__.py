"""A nation's directory, assets, people, agreements and ten years of loans, and what is asked of them."""
