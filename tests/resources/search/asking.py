"""A sentence understood as the service understands it, without one."""

from registry.resources.search.queries import understand_sentence
from registry.resources.search.rules.kinds import Lexicon
from registry.resources.search.rules.tokens import Sentence
from registry.resources.search.rules.understanding import Setting, Understanding


def understand_text(text: str, phrases: Lexicon, setting: Setting) -> Understanding:
    """What a sentence means of which nothing is understood yet."""
    return understand_sentence(Sentence(text), phrases, setting)
