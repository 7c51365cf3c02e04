"""Bytes a page of its multivector in each form the embedded engine can keep it, and what each costs in ranking.

The engine's forms: a storage datatype (float32, float16, TurboQuant codes of 16, 8 or 4 bits in place of the floats)
and, beside the stored vectors, a quantized copy in RAM (int8, binary, TurboQuant), asked alone or to choose what
the stored vectors then score. Datatype uint8 is left out: it holds whole numbers from 0 to 255, unit rows have signs.
Each form is compared with exact float32 MaxSim over the same pages and questions.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from infra.measure.scale_vectors import DIMENSION

__all__ = ["FORMS", "Form", "Stored", "correlation", "disk_bytes", "overlap", "stored"]

TOP, RANKED = 10, 100
BATCH = 32


@dataclass(frozen=True, slots=True)
class Form:
    """A storage datatype, a quantized copy of it in RAM ("" for none) and whether the stored vectors rescore that."""

    datatype: str
    copy: str = ""
    rescore: bool = False
    oversampling: float = 1.0

    @property
    def name(self) -> str:
        """As the table calls it."""
        if not self.copy:
            return self.datatype
        again = f", best {self.oversampling:g} x 10 rescored" if self.rescore else " alone"
        return f"{self.datatype} + {self.copy} in RAM{again}"


FORMS = (
    Form("Float32"),
    Form("Float16"),
    Form("Turbo16"),
    Form("Turbo8"),
    Form("Turbo4"),
    *(
        Form("Float16", copy, rescore, 3.0 if rescore else 1.0)
        for copy in ("int8", "turbo 4 bits", "turbo 2 bits", "turbo 1 bit", "binary")
        for rescore in (False, True)
    ),
)


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes a page on disk and of the copy in RAM, CPU seconds to write a page and to score one for one question,
    and what every question was answered: page numbers best first, and their scores."""

    disk: float
    pinned: float
    write_seconds: float
    score_seconds: float
    ranked: tuple[tuple[int, ...], ...]
    scores: tuple[np.ndarray, ...]


def stored(form: Form, pages: Sequence[np.ndarray], questions: Sequence[np.ndarray], folder: Path) -> Stored:
    """Write the pages in this form, optimize, and score every page for each question by the engine."""
    import qdrant_edge as qe

    home = Path(tempfile.mkdtemp(dir=folder))
    shard = qe.EdgeShard.create(str(home), _config(form))
    try:
        start = time.process_time()
        for at in range(0, len(pages), BATCH):
            points = [qe.Point(at + n, {"image": rows}, {}) for n, rows in enumerate(pages[at : at + BATCH])]
            shard.update(qe.UpdateOperation.upsert_points(points))
        shard.flush()
        shard.optimize()
        written = time.process_time() - start
        start = time.process_time()
        answers = [shard.query(_request(form, rows, len(pages))) for rows in questions]
        asked = time.process_time() - start
        ranked = tuple(tuple(int(point.id) for point in answer) for answer in answers)
        scores = tuple(np.array([point.score for point in answer]) for answer in answers)
    finally:
        shard.close()
        files = {path: disk_bytes(path) for path in home.rglob("*") if path.is_file()}
        shutil.rmtree(home)
    vectors = sum(size for path, size in files.items() if "vector_storage-image" in str(path))
    pinned = sum(size for path, size in files.items() if path.name.startswith("quantized"))
    each = len(pages) * len(questions)
    return Stored(vectors / len(pages), pinned / len(pages), written / len(pages), asked / each, ranked, scores)


def overlap(found: Stored, exact: Sequence[np.ndarray]) -> list[float]:
    """Top-10 overlap with exact MaxSim, for each question."""
    pairs = zip(exact, found.ranked, strict=True)
    return [len(set(np.argsort(-scores)[:TOP].tolist()) & set(ids[:TOP])) / TOP for scores, ids in pairs]


def correlation(found: Stored, exact: Sequence[np.ndarray]) -> float:
    """Spearman's correlation with the exact scores over the exact best 100, mean; nan when not all were ranked."""
    if len(found.ranked[0]) < len(exact[0]):
        return float("nan")
    given = [np.asarray(scores)[np.argsort(ids)] for ids, scores in zip(found.ranked, found.scores, strict=True)]
    best = [np.argsort(-scores)[:RANKED] for scores in exact]
    pairs = zip(exact, given, best, strict=True)
    return float(np.mean([spearmanr(scores[top], own[top]).statistic for scores, own, top in pairs]))


def disk_bytes(path: Path) -> int:
    """What a file takes on disk: the engine's files are sparse, their length says nothing."""
    return path.stat().st_blocks * 512


def _config(form: Form) -> Any:
    import qdrant_edge as qe

    image = qe.EdgeVectorParams(
        DIMENSION,
        qe.Distance.Dot,
        multivector_config=qe.MultiVectorConfig(qe.MultiVectorComparator.MaxSim),
        datatype=getattr(qe.VectorStorageDatatype, form.datatype),
        quantization_config=_copy(form.copy),
        hnsw_config=qe.HnswIndexConfig(m=0, ef_construct=100, full_scan_threshold=10_000),
        memory=qe.Memory.Cold,
    )
    return qe.EdgeConfig(
        vectors={"image": image}, optimizers=qe.EdgeOptimizersConfig(indexing_threshold=1), wal_enabled=False
    )


def _copy(name: str) -> Any:
    import qdrant_edge as qe

    bits = {
        "turbo 4 bits": qe.TurboQuantBitSize.Bits4,
        "turbo 2 bits": qe.TurboQuantBitSize.Bits2,
        "turbo 1 bit": qe.TurboQuantBitSize.Bits1,
    }
    if name in bits:
        return qe.TurboQuantQuantizationConfig(bits=bits[name], memory=qe.Memory.Pinned)
    if name == "int8":
        return qe.ScalarQuantizationConfig(qe.ScalarType.Int8, quantile=0.99, memory=qe.Memory.Pinned)
    return qe.BinaryQuantizationConfig(memory=qe.Memory.Pinned) if name else None


def _request(form: Form, rows: np.ndarray, limit: int) -> Any:
    """All pages ranked, or the best 10 after rescoring."""
    import qdrant_edge as qe

    params = None
    if form.copy:
        quantization = qe.QuantizationSearchParams(rescore=form.rescore, oversampling=form.oversampling)
        params = qe.SearchParams(quantization=quantization)
    limit = TOP if form.rescore else limit
    return qe.QueryRequest(limit, query=qe.Query.Nearest(rows, using="image"), params=params)
