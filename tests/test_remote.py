"""The store that machines share: a folder, or a bucket of a real S3 server on loopback with a folder before it."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pdfs
import pytest

from pipeline import remote
from pipeline.confinement import of_settings
from pipeline.doctor import _store
from pipeline.errors import NotFound, StoreError, StoreUnavailable, UsageError
from pipeline.ingest import ingest_document
from pipeline.remote import RemoteStore, open_store
from pipeline.run import ingest_paths
from pipeline.settings import load_settings
from pipeline.store import Store
from pipeline.types import DocumentStatus
from pipeline.wiring import open_tools

MIB = 1 << 20


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """An S3 server: moto's, which speaks the protocol and keeps objects in memory."""
    pytest.importorskip("s3fs", reason="the extra s3 is not installed")
    server_module = pytest.importorskip("moto.server", reason="moto is not installed")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server_module.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def url(service: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket nobody used before."""
    import s3fs

    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {**keys, "AWS_ENDPOINT_URL": service}.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()  # one of a test before may know another server
    bucket = f"firm-{uuid.uuid4().hex}"
    s3fs.S3FileSystem(use_listings_cache=False).mkdir(bucket)
    return f"s3://{bucket}/muniment"


def opened(url: str, cache: Path, cache_mb: int = 100) -> RemoteStore:
    store = open_store(url, cache, cache_mb)
    assert isinstance(store, RemoteStore)
    return store


def objects(store: RemoteStore) -> list[str]:
    return sorted(store._remote.find(store._prefix))


def blobs(root: Path) -> set[str]:
    return {path.parent.name + path.name for path in root.glob("??/*")}


def test_what_one_machine_puts_another_reads(url: str, tmp_path: Path) -> None:
    """Bytes and streams are in the bucket when `put` returns, under their hash, and come whole to another folder."""
    one, two = opened(url, tmp_path / "one"), opened(url, tmp_path / "two")
    small, large = one.put(b"scan"), one.put_stream(io.BytesIO(b"page" * MIB))
    assert small in two and large in two and "0" * 64 not in two
    assert two.read(small) == b"scan"
    assert hashlib.sha256(two.path(large).read_bytes()).hexdigest() == large
    assert blobs(tmp_path / "two") == {small, large}
    assert len(objects(one)) == 2
    assert (tmp_path / "two" / small[:2] / small[2:]).stat().st_mode & 0o777 == 0o400


def test_a_put_twice_is_uploaded_once(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content that is in the bucket already is not sent again, by whatever machine."""
    opened(url, tmp_path / "one").put(b"scan")
    other = opened(url, tmp_path / "two")
    monkeypatch.setattr(other._remote, "put_file", lambda *_: pytest.fail("uploaded again"))
    other.put(b"scan")


def test_a_blob_that_is_nowhere_is_not_found(url: str, tmp_path: Path) -> None:
    """As with the store in the home: a path without a file, and `NotFound` to who reads; no spool file stays."""
    store = opened(url, tmp_path / "cache")
    assert not store.path("0" * 64).exists()
    with pytest.raises(NotFound, match="not in the store"):
        store.read("0" * 64)
    with pytest.raises(NotFound, match="not a SHA-256"):
        store.path("../../etc/passwd")
    assert list((tmp_path / "cache").iterdir()) == []


def test_other_bytes_than_the_hash_says_are_refused(url: str, tmp_path: Path) -> None:
    """An object that was changed in the bucket never reaches a reader."""
    store = opened(url, tmp_path / "one")
    sha256 = store.put(b"scan")
    store._remote.pipe_file(objects(store)[0], b"scam")
    other = opened(url, tmp_path / "two")
    with pytest.raises(StoreError, match="other bytes"):
        other.read(sha256)
    assert blobs(tmp_path / "two") == set()


def test_an_object_cut_short_is_uploaded_again(url: str, tmp_path: Path) -> None:
    """What has another length in the bucket is not taken for the blob that is being put."""
    store = opened(url, tmp_path / "one")
    sha256 = store.put(b"scan")
    store._remote.pipe_file(objects(store)[0], b"sc")
    store.put(b"scan")
    assert opened(url, tmp_path / "two").read(sha256) == b"scan"


def test_the_folder_loses_what_was_not_used_for_longest(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over its limit the folder lets go of the blobs used least recently, and they are fetched when asked for."""
    monkeypatch.setattr(remote, "IN_USE_SECONDS", 50.0)
    store = opened(url, tmp_path / "cache", cache_mb=3)
    kept = [store.put(bytes([number]) * MIB) for number in range(3)]
    for age, sha256 in zip((300, 200, 100), kept, strict=True):
        os.utime(store.place(sha256), (time.time() - age,) * 2)
    store.path(kept[0])  # the oldest is used again
    newest = store.put(b"n" * MIB)
    assert blobs(tmp_path / "cache") == {kept[0], kept[2], newest}
    assert store.read(kept[1]) == bytes([1]) * MIB


def test_what_is_in_use_stays_over_the_limit(url: str, tmp_path: Path) -> None:
    """A document on the road keeps its images in the folder, however small that was meant to be."""
    store = opened(url, tmp_path / "cache", cache_mb=1)
    kept = {store.put(bytes([number]) * MIB) for number in range(3)}
    assert blobs(tmp_path / "cache") == kept


def test_a_service_that_is_away_is_tried_later(url: str, tmp_path: Path) -> None:
    """No answer is a retryable error without an address in it; so nothing is said to be kept that is not."""
    import s3fs

    store = RemoteStore(
        s3fs.S3FileSystem(
            endpoint_url="http://127.0.0.1:9", skip_instance_cache=True, config_kwargs={"retries": {"max_attempts": 0}}
        ),
        "firm",
        tmp_path / "cache",
        10,
    )
    store._remote.retries = 1
    with pytest.raises(StoreUnavailable, match=r"can't be reached \(\w+\)$"):
        store.put(b"scan")


def test_a_bucket_that_is_not_there_is_a_clear_line(url: str, tmp_path: Path) -> None:
    """A mistyped bucket is the store's error, not that of the file which is taken in; doctor says it before."""
    with pytest.raises(StoreError, match="no such bucket"):
        opened("s3://nobodys-bucket-here/x", tmp_path / "cache").put(b"scan")
    assert _store(load_settings(home=tmp_path, store_url=url)) == f"{url} answers"
    with pytest.raises(StoreError, match="no such bucket"):
        _store(load_settings(home=tmp_path, store_url="s3://nobodys-bucket-here/x"))


def test_killed_before_the_upload_nothing_is_there(url: str, tmp_path: Path) -> None:
    """A kill -9 between folder and bucket: nobody finds the blob, and the next put of the same bytes sends it."""
    script = """
        import os, signal, sys
        from pathlib import Path
        from pipeline.remote import open_store
        store = open_store(sys.argv[1], Path(sys.argv[2]), 100)
        store._remote.put_file = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        store.put(b"scan")
    """
    command = [sys.executable, "-c", textwrap.dedent(script), url, str(tmp_path / "one")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    sha256 = hashlib.sha256(b"scan").hexdigest()
    assert blobs(tmp_path / "one") == {sha256} and sha256 not in opened(url, tmp_path / "two")
    opened(url, tmp_path / "one").put(b"scan")
    assert sha256 in opened(url, tmp_path / "two")


def test_blobs_are_those_of_the_bucket(url: str, tmp_path: Path) -> None:
    """A look over the store, for what is lost, damaged or left over, sees the bucket and not the folder before it."""
    one, two = opened(url, tmp_path / "one"), opened(url, tmp_path / "two")
    kept = sorted(one.put(text) for text in (b"scan", b"page", b"note"))
    assert list(two.blobs()) == kept and blobs(tmp_path / "two") == set()
    assert abs(two.put_at(kept[0]) - time.time()) < 100
    two._remote.pipe_file(objects(two)[1], b"worn")
    assert [two.whole(sha256) for sha256 in kept] == [True, False, True]
    two.quarantine(kept[1])
    assert kept[1] not in one and list(one.blobs()) == [kept[0], kept[2]]
    with pytest.raises(NotFound, match="not in the store"):
        one.whole(kept[1])


def test_what_is_discarded_leaves_the_bucket(url: str, tmp_path: Path) -> None:
    """Who needs a blob is asked once it is aside, where no writer finds it; what somebody needs comes back whole."""
    one, two = opened(url, tmp_path / "one"), opened(url, tmp_path / "two")
    gone, needed = one.put(b"gone"), one.put(b"needed")

    def named(asked):
        assert sorted(asked) == sorted([gone, needed]) and gone not in one and needed not in two
        assert sorted(two.aside()) == sorted([gone, needed])
        return [needed]

    assert one.discard([gone, needed, "0" * 64], named) == [gone]
    assert list(two.blobs()) == [needed] and two.read(needed) == b"needed" and list(two.aside()) == []
    assert blobs(tmp_path / "one") == {needed} and len(objects(one)) == 1


def test_a_discard_that_was_killed_is_ended_by_the_next(url: str, tmp_path: Path) -> None:
    """A blob left aside is dealt with like one in its place."""
    store = opened(url, tmp_path / "one")
    sha256 = store.put(b"scan")

    def killed(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.discard([sha256], killed)
    assert list(store.aside()) == [sha256]
    assert store.discard([sha256], lambda asked: []) == [sha256] and objects(store) == []


@pytest.mark.parametrize("wrong", ["gs://firm/x", "s3://", "s3://key:secret@firm/x", "/mnt/share", "file://host/x"])
def test_other_addresses_are_refused(wrong: str, tmp_path: Path) -> None:
    """Only what was tested is offered, and no password belongs in an address."""
    with pytest.raises(UsageError, match="MUNIMENT_STORE_URL") as refused:
        open_store(wrong, tmp_path, 1)
    assert "secret" not in str(refused.value)


def test_a_shared_folder_is_a_store_and_must_be_there(tmp_path: Path) -> None:
    """A share that isn't mounted is refused, instead of being filled under its mount point."""
    share = tmp_path / "share" / "Muniment store"
    settings = load_settings(home=tmp_path / "home", store_url=share.as_uri())
    with open_tools(settings) as tools:
        for refused in ("store", "pool"):  # workers are given the folder to write into, and would have it made
            with pytest.raises(UsageError, match="no such folder"):
                getattr(tools, refused)
        share.mkdir(parents=True)
        assert type(tools.store) is Store and tools.store.root == share
        assert str(share) in of_settings(settings).writable
    with open_tools(load_settings(home=tmp_path / "other", store_url=share.as_uri())) as other:
        assert other.store.read(tools.store.put(b"scan")) == b"scan"


def test_the_road_over_a_bucket(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan taken in on one machine is finished by another that has nothing but catalog and bucket."""
    path = pdfs.scanned(tmp_path / "in" / "lease.pdf", pdfs.LEASE)
    shared = {"store_url": url, "database_url": f"sqlite:///{tmp_path}/catalog.sqlite"}
    with open_tools(load_settings(home=tmp_path / "one", **shared)) as tools, monkeypatch.context() as broken:
        broken.setattr("pipeline.stages.read", _outage)
        (report,) = ingest_paths([path], "dune", tools).documents
        assert report.document.status is DocumentStatus.RECEIVED
        assert len(objects(tools.store)) == 2  # the original and its page
    with open_tools(load_settings(home=tmp_path / "two", **shared)) as tools:
        assert ingest_document(report.document, tools).status is DocumentStatus.DONE
        assert "read" in tools.clock.seconds and "render" not in tools.clock.seconds
    assert not (tmp_path / "two" / "store").exists()


def _outage(*_: object) -> None:
    raise StoreUnavailable("the shared store can't be reached")
