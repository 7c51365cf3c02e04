"""Hard pages read by a large vision model: Claude, or a server inside the firm that speaks the same protocol.

    escalate ─► gate ─► ledger ─► client ─► answers
    what        may it   a row     one call,  stop reason, schema, quotes;
    waits       leave?   and a     our own    usage is kept whatever happens
                         reserve   retries

`models.py` knows prices and image sizes, `images.py` makes a page fit them, `profiles.py` knows what a destination
can do and finds out what it does, `retry.py` decides on status and headers alone, `salvage.py` keeps what can be
used of a broken answer. Nothing but `sdk.py` over `gate.py` opens a connection to a frontier model.
"""
