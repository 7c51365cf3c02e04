"""The triage VLM's tokenizer: byte-level BPE over triage's questions and answers, and its chat template.

The model is trained on one instruction and nothing else, so it learns no English from it: each line of the instruction
is a token of its own, which makes the text 8 tokens instead of 250 and leaves the time to the page. Any other
text still encodes, in words and bytes. Every answer is one token, as the answer sheet likes it, and so is the
name before each blank with its colon: the token whose logits answer a question then says which question it is.
"""

from __future__ import annotations

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from pipeline.questions import QUESTIONS, instruction

__all__ = ["CHAT_TEMPLATE", "IMAGE", "tokenizer"]

PAD, IMAGE, ANSWER = "<pad>", "<image>", "<answer>"
MOST = 2000  # tokens; merging stops sooner, when every word of the questions is whole

CHAT_TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}{% if part['type'] == 'image' %}"
    f"{IMAGE}"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}"
    f"{ANSWER}"
    "{% endif %}"
)


def tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer; the same each time, since its corpus is the questions alone."""
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=MOST,
        special_tokens=[PAD, IMAGE, ANSWER],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    answers = (f"{question.name}: {option.word}" for question in QUESTIONS for option in question.options)
    words.train_from_iterator([instruction(), *answers], trainer)
    whole = [*instruction().splitlines(), *(f"{question.name}:" for question in QUESTIONS)]
    words.add_tokens([AddedToken(text, normalized=False) for text in whole])
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token=PAD, eos_token=PAD, padding_side="left")
