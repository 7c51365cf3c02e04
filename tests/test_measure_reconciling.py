"""The script that says what a reconciliation costs, on a small scale: it finds exactly what it took away."""

from infra.measure.reconciling import main


def test_a_small_home_is_measured(capsys, tmp_path):
    """Three documents, of which one loses its points, one a page and one a page image: each is found, nothing else."""
    assert main(["--pages", "60", "--folder", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "60 pages" in said and "deep" in said and list(tmp_path.iterdir()) == []
