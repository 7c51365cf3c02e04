"""Settings choose the backends, and a part is made only when it is used."""

import subprocess
import sys

import pytest

from pipeline.errors import ModelError
from pipeline.index import signature
from pipeline.settings import load_settings
from pipeline.wiring import Tools, open_tools


def test_catalog_alone_loads_no_model(home):
    """Opening the catalog imports neither torch nor transformers nor an engine."""
    code = (
        "import sys\nfrom pipeline.wiring import open_tools\n"
        "with open_tools() as tools:\n    tools.catalog.documents(); tools.identities\n"
        "sys.exit(bool({'torch', 'transformers', 'qdrant_edge', 'qdrant_client', 'pymupdf'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_index_opens_without_a_model(home):
    """What can be chosen from is known before torch is imported: the empty search page waits for no model. A search
    waits for torch, and not for transformers, which takes twice as long."""
    code = (
        "import sys\nfrom pipeline.types import SearchFilter\nfrom pipeline.wiring import open_tools\n"
        "with open_tools() as tools:\n"
        "    assert not tools.index.facets(SearchFilter(), 5)['matter']\n"
        "    assert not {'torch', 'transformers'} & set(sys.modules)\n"
        "    assert tools.searcher.find('rent', SearchFilter()) == [] and 'torch' in sys.modules\n"
        "    tools.release_index()\n"
        "sys.exit('transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_index_is_made_by_the_models_that_are_loaded(home):
    """Known beforehand or loaded, it is the same name and length of a vector."""
    with open_tools() as tools:
        assert tools.index._signature == signature(tools.text_embedder, None)


def test_parts_are_made_once(home):
    """The same part comes back each time, and everything closes together."""
    with open_tools() as tools:
        assert tools.catalog is tools.catalog
        assert tools.store is tools.store


def test_without_models_nothing_is_configured(home):
    """No VLM and no page-image model by default: triage by signals, rules, search over text."""
    with open_tools() as tools:
        assert tools.classifier is None
        assert tools.page_embedder is None
        assert [one.name.split("/")[0] for one in tools.extractors] == ["rules"]
        assert tools.identities["page"] == tools.identities["triage"] == ""


def test_the_triage_model_is_loaded_when_a_page_is_shown_to_it(home):
    """What the bundled one is heard on is known before: a process whose pages read well imports no transformers."""
    code = (
        "import sys; from pipeline.wiring import Tools; from pipeline.settings import load_settings;"
        "model = Tools(load_settings(triage_model='muniment-triage')).classifier;"
        "assert 'rotation' in model.heard and 'transformers' not in sys.modules;"
        "assert model.name.startswith('muniment-triage') and 'transformers' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_question_loads_no_page_model(home):
    """The bundled one's rows of a question, and their length, come without transformers and colpali_engine; a page
    brings both."""
    code = (
        "import sys; from pathlib import Path; from PIL import Image; from pipeline.wiring import Tools;"
        "from pipeline.settings import load_settings;"
        "model = Tools(load_settings(page_model='muniment-page')).page_embedder;"
        "asked = model.embed_query('notice of default');"
        "assert asked.shape[1] == model.dimension == 128 and model.name.startswith('muniment-page');"
        "assert not {'transformers', 'colpali_engine'} & set(sys.modules);"
        "page = Path(sys.argv[1]); Image.new('L', (85, 110), 255).save(page);"
        "assert model.embed_pages([page])[0].shape[1] == 128 and 'colpali_engine' in sys.modules;"
        "assert abs(model._real().embed_query('notice of default') - asked).max() < 2e-2"
    )
    command = [sys.executable, "-c", code, str(home.parent / "page.png")]
    subprocess.run(command, check=True, timeout=120)


def test_a_missing_model_names_the_fix(home):
    """A configured model that is not installed is an error that says how to get it."""
    tools = Tools(load_settings(triage_model="smolvlm-256m"))
    with pytest.raises(ModelError, match="muniment models pull smolvlm-256m"):
        _ = tools.identities


def test_the_index_backend_follows_the_url(home):
    """Without a URL the embedded engine, with one the server."""
    local, remote = Tools(load_settings()), Tools(load_settings(qdrant_url="http://127.0.0.1:9"))
    assert type(local.index).__name__ == "OwnedIndex"
    assert type(remote.index).__name__ == "QdrantIndex"
