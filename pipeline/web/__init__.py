"""The search page: a lawyer asks, sees the page, checks the passage. One web application, server-rendered.

    app ─► guard ─► a room ─► pipeline (search, catalog, store) ─► views
    headers,  who asks,   search, viewer,                          a template, or JSON
    errors    which       review, …
              matters

A room is a module with a router: its pages for people and, under `/api`, the same answers as JSON. A room reads nothing
of a document before `guard` has said that the caller may see its matter; lists and counts are made inside that wall,
never filtered afterwards. Nothing here is loaded from another machine, and scripts only add comfort.
"""
