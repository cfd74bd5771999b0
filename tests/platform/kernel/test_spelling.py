"""Whatever one slip makes of a word, one of the halves to look for is a half of it."""

from registry.platform.kernel.spelling import halves, halves_around, is_one_slip, nearest_word


def misspelt(word: str) -> set[str]:
    """All that one letter left out, put in or changed, or two that changed places, make of it."""
    found = set()
    for at in range(len(word) + 1):
        before, behind = word[:at], word[at:]
        found |= {before + behind[1:], before + "q" + behind, before + "q" + behind[1:]}
        found |= {before + behind[1:2] + behind[:1] + behind[2:]}
    return found


def test_every_slip_shares_a_half_with_what_is_looked_for() -> None:
    for word in ("bellona", "bellonas", "aabbaabb", "kanawha", "mrap7x"):
        for written in misspelt(word):
            assert is_one_slip(written, word)
            near = [each for each in halves_around(written) if each.letters == len(word)]
            its = halves(word)
            assert any(its.head == each.head or its.tail == each.tail for each in near), (written, word)


def test_a_short_word_is_a_slip_only_where_two_letters_changed_places() -> None:
    words = ("boat", "dog", "dogs", "squad", "vans")
    expected = {"dgo": "dog", "dgos": "dogs", "baot": "boat", "dig": None, "boad": None, "odg": None, "vasn": "vans"}
    assert {written: nearest_word(written, words) for written in expected} == expected
