"""Page images with everything known of them, drawn from a seed: what the bundled page models are trained on."""

from infra.train.pages.ask import phrases, questions
from infra.train.pages.make import make, make_some
from infra.train.pages.types import Fact, TrainingPage, TrainingWord, Wanted

__all__ = ["Fact", "TrainingPage", "TrainingWord", "Wanted", "make", "make_some", "phrases", "questions"]
