"""Hard pages read by a large vision model: Claude, or a server inside the firm that speaks the same protocol.

    escalate ─► gate ─► ledger ─► client ─► answers
    what        may it   a row     one call,  stop reason, schema, quotes;
    waits       leave?   and a     our own    usage is kept whatever happens
                         reserve   retries

`models.py` knows prices and image sizes, `profiles.py` what a destination can do, `retry.py` decides on status and
headers alone. Nothing else in the house opens a connection to a frontier model.
"""
