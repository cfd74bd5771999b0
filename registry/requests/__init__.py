"""What agencies ask for: requests and their lines, from the draft to filled, unfilled or withdrawn."""
