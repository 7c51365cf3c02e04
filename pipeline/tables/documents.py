"""What is known of documents and their pages, and the runs that found it."""

from __future__ import annotations

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, LargeBinary, Table, text

from pipeline.tables.columns import String_, Text_, document_key, metadata

__all__ = [
    "documents",
    "findings",
    "leases",
    "meta",
    "origins",
    "pages",
    "prints",
    "rescans",
    "results",
    "runs",
    "sources",
]

documents = Table(
    "documents",
    metadata,
    Column("id", String_(64), primary_key=True),
    Column("matter", Text_, nullable=False),
    Column("name", Text_, nullable=False),
    Column("sha256", String_(64), nullable=False),  # "" while its bytes could not be read
    Column("status", String_(32), nullable=False),
    Column("reason", Text_, nullable=False),
    Column("page_count", Integer, nullable=False),
    Column("received", Double, nullable=False),  # seconds since 1970, as every time here
    Column("record", Text_),
    Column("indexed", Text_),  # signature of the index that holds all its pages
    Index("documents_by_sha256", "sha256"),
    Index("documents_by_status", "status"),
    # a matter has at most 100 characters: see clean_matter
    Index("documents_by_matter", "matter", "status", "received", "page_count", "id"),
    # without it SQLite reads through every record to see whether a document is indexed
    Index(
        "documents_indexed",
        "status",
        "matter",
        sqlite_where=text("indexed IS NOT NULL"),
        postgresql_where=text("indexed IS NOT NULL"),
    ),
)

sources = Table(
    "sources",
    metadata,
    document_key(),
    Column("key", String_(64), primary_key=True),  # SHA-256 of the path: paths may be too long for an index
    Column("path", Text_, nullable=False),
    Column("first_seen", Double, nullable=False),
    Column("name_key", String_(64), nullable=False),  # SHA-256 of the name it had there
    Index("sources_by_key", "key"),
    Index("sources_by_name", "name_key"),
)

origins = Table(
    "origins",
    metadata,
    document_key(),
    Column("sha256", String_(64), primary_key=True),  # of the file as it was dropped, in the store
    Column("pages", String_(24), primary_key=True),  # "3-7"; "": all of it
)

prints = Table(
    "prints",
    metadata,
    document_key(),
    Column("matter", String_(64), nullable=False),  # the matter's key
    Column("version", Integer, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("hashes", LargeBinary, nullable=False),  # as many for each page, in page order
    Index("prints_by_matter", "matter", "pages"),
)

rescans = Table(
    "rescans",
    metadata,
    document_key(),
    Column("earlier", String_(64), ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    Column("alike", Integer, nullable=False),  # pages of the document that look like one of the earlier one
    Column("shown", Integer, nullable=False),  # its pages that show enough to be compared
    Index("rescans_by_earlier", "earlier"),
)

results = Table(
    "results",
    metadata,
    Column("sha256", String_(64), primary_key=True),
    Column("page", Integer, primary_key=True, autoincrement=False),  # 0: the whole document
    Column("stage", String_(200), primary_key=True),
    Column("version", String_(500), primary_key=True),
    Column("payload", LargeBinary, nullable=False),  # zlib-compressed JSON
    Column("seconds", Double, nullable=False),
)

pages = Table(
    "pages",
    metadata,
    document_key(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("route", String_(32)),
    Column("status", String_(32), nullable=False),
    Column("reasons", Text_, nullable=False),  # JSON list
)

findings = Table(
    "findings",
    metadata,
    document_key(),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("field", String_(200), nullable=False),
    Column("page", Integer, nullable=False),
    Column("raw", Text_, nullable=False),
    Column("value", Text_, nullable=False),
    Column("quote", Text_, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("extractor", Text_, nullable=False),
    Column("status", String_(32), nullable=False),
    Column("detail", Text_, nullable=False),  # JSON object
    Column("boxes", Text_, nullable=False),  # JSON list of [left, top, right, bottom]
    Index("findings_by_field", "field", "document"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String_(64), nullable=False),
    Column("status", String_(32), nullable=False),
    Column("host", Text_, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("birth", String_(64), nullable=False),  # tells the process from a later one with the same pid
    Column("started", Double, nullable=False),
    Column("finished", Double),
    Column("seconds", Text_, nullable=False),  # JSON object: stage -> seconds
    Column("totals", Text_, nullable=False),  # JSON object: what -> count
    Index("runs_by_kind", "kind", "status", "finished"),
    Index("runs_by_time", "started"),
)

leases = Table(
    "leases",
    metadata,
    Column("document", String_(64), primary_key=True),  # no foreign key: claimed before it is looked up
    Column("holder", Text_, nullable=False),  # host:space of process numbers:pid:birth
    Column("token", String_(32), nullable=False),  # of this taking of the lease
    Column("until", Double, nullable=False),  # by the database's clock
)

meta = Table(
    "meta",
    metadata,
    Column("key", String_(200), primary_key=True),
    Column("value", Text_, nullable=False),
)
