"""The operations on agreements, verb by verb as their commands are."""

from litestar import Router

from registry.agreements.instruments.routes import (
    amending,
    authorising,
    commenting,
    declining,
    drafting,
    ending,
    entrusting,
    governing_body,
    joining,
    proposing,
    publishing,
    reading,
    recording,
    reporting,
    review_rounds,
    reviewing,
    searching,
    signing,
)

router = Router(
    path="/v1",
    route_handlers=[
        *reading.handlers,
        *searching.handlers,
        *drafting.handlers,
        *reviewing.handlers,
        *review_rounds.handlers,
        *commenting.handlers,
        *authorising.handlers,
        *signing.handlers,
        *declining.handlers,
        *recording.handlers,
        *amending.handlers,
        *joining.handlers,
        *governing_body.handlers,
        *entrusting.handlers,
        *ending.handlers,
        *proposing.handlers,
        *publishing.handlers,
        *reporting.handlers,
    ],
)
