"""The states of the United States and its territories, by name, abbreviation and postal code."""

from registry.resources.search.rules.tokens import Sentence, Span

_NAMES = """
AL alabama|AK alaska|AZ arizona|AR arkansas|CA california|CO colorado|CT connecticut|DE delaware|DC district of columbia
FL florida|GA georgia|HI hawaii|ID idaho|IL illinois|IN indiana|IA iowa|KS kansas|KY kentucky|LA louisiana|ME maine
MD maryland|MA massachusetts|MI michigan|MN minnesota|MS mississippi|MO missouri|MT montana|NE nebraska|NV nevada
NH new hampshire|NJ new jersey|NM new mexico|NY new york|NC north carolina|ND north dakota|OH ohio|OK oklahoma|OR oregon
PA pennsylvania|RI rhode island|SC south carolina|SD south dakota|TN tennessee|TX texas|UT utah|VT vermont|VA virginia
WA washington|WV west virginia|WI wisconsin|WY wyoming|PR puerto rico|GU guam|VI virgin islands|AS american samoa
MP northern mariana islands|CA calif|CO colo|CT conn|FL fla|IL ill|IN ind|KS kans|KY kent|MA mass|MI mich|MN minn
MS miss|MT mont|NE nebr|NV nev|OK okla|OR ore|PA penn|TN tenn|TX tex|VA virg|WA wash|WI wis|WI wisc|WY wyo
""".strip().replace("\n", "|")
BY_NAME: dict[tuple[str, ...], str] = {
    tuple(name.split()): code for code, _, name in (each.partition(" ") for each in _NAMES.split("|"))
}
CODES = frozenset(BY_NAME.values())
_LONGEST = max(map(len, BY_NAME))


def state_at(sentence: Sentence, at: int) -> tuple[str, Span] | None:
    """The state that is named there."""
    for size in range(_LONGEST, 0, -1):
        words = tuple(sentence.word(at + i) for i in range(size))
        if words in BY_NAME:
            return BY_NAME[words], Span(at, at + size)
    word = sentence.word(at)
    return (word.upper(), Span(at, at + 1)) if word.upper() in CODES else None
