"""Filing and publication: what a statute or the text asks to be done with a signed agreement, by when, with proof."""
