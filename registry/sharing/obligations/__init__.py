"""What a loan obliges one of its two agencies to do: by whom, until when, with what evidence, and what became of it."""
