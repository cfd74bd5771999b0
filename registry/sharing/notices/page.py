"""The page behind the link that ends all letters: a sentence and a button. To look at it changes nothing."""

import html
from typing import Final

STYLE: Final = (
    "body{font-family:system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem;line-height:1.5}"
    "button{font:inherit;padding:.5rem 1rem}"
)
_PAGE: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
    "<style>{style}</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"
)


def stop_page(path: str) -> str:
    """What asks; `path` is where the button sends its form."""
    body = (
        "<p>The registry writes to you when something newly waits for you. With this button it stops, at once and for "
        "all kinds of notices. What waits for you goes on to stand in your inbox.</p>"
        f'<form method="post" action="{html.escape(path)}">'
        '<button type="submit" name="List-Unsubscribe" value="One-Click">Stop all notices</button></form>'
    )
    return _PAGE.format(title="Stop notices by mail?", style=STYLE, body=body)


def stopped_page() -> str:
    """What says that it is done."""
    body = (
        "<p>The registry writes to you no more. What waits for you stands in your inbox; to be told again, sign in and "
        "choose so (<code>/v1/me/notifications</code>).</p>"
    )
    return _PAGE.format(title="Notices are stopped", style=STYLE, body=body)
