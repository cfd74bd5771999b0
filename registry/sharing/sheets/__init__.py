"""The hand-over sheet of a loan: a page and a PDF that both sides sign on paper when it goes out and comes back."""
