"""Search in a sentence: what a coordinator types, understood by data and a small grammar, and answered with assets."""
