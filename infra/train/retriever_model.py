"""The retriever's parts: tokenizer, model, processor; what it makes of sheets and of queries; its checkpoint folder."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from colpali_engine.models import ColModernVBert, ColModernVBertProcessor
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import nn
from torch.nn import functional
from transformers import ModernVBertConfig, PreTrainedTokenizerFast

from infra.train.ppocr import CACHE, Trunk, fetch, graph_of, trunk_of
from infra.train.retriever_code import spelt_pieces
from infra.train.retriever_data import LETTERS, Line
from infra.train.retriever_recipe import Shape
from pipeline.backends.sheet_processor import SheetImageProcessor
from pipeline.backends.tower import PageTower, PageTowerConfig, cut, joined

__all__ = ["Retriever", "save", "start", "take_over", "tokenizer_of"]

SPECIALS = [
    "<pad>",
    "<|begin_of_text|>",
    "<end_of_utterance>",
    "<image>",
    "<fake_token_around_image>",
    "<global-img>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)),
]
SHARD = "14MB"
LEAST = 0.02  # deviation under which a channel is taken for dead
LONGEST = 2048  # tokens: a page's 1,024 cells and the prompt around them; a query has a few dozen


def tokenizer_of(words: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE in lower case, trained on the words: LEASE and lease are one query. No text it can't spell."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.ByteLevel(add_prefix_space=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=SPECIALS,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(words, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end_of_utterance>")


def start(shape: Shape, tokenizer: PreTrainedTokenizerFast, trunk: Trunk | None = None) -> Retriever:
    """A model with PP-OCR's recognition trunk (or `trunk`, or `shape.trunk` untrained) and the rest fresh."""
    if trunk is None and not shape.trunk:
        trunk = trunk_of(graph_of(fetch(CACHE), "recognition"))
    blocks = trunk.blocks if trunk else [asdict(block) for block in shape.trunk]
    tower = PageTowerConfig(
        image_size=shape.wide,
        strip=shape.strip,
        strips=shape.strips,
        blocks=[*blocks, *(asdict(block) for block in shape.merges)],
        hidden_size=shape.hidden,
        attention_layers=0,
    )
    model = ColModernVBert(_config(shape, tower, tokenizer))
    if trunk:
        model.model.vision_model.load_state_dict(dict(trunk.weights), strict=False)
    _spell_out(model, tokenizer)
    return Retriever(model, processor_of(tower, tokenizer), len(blocks))


def processor_of(tower: PageTowerConfig, tokenizer: PreTrainedTokenizerFast) -> ColModernVBertProcessor:
    """The page's lines set on a sheet: no tiles, no padding, a token a cell."""
    images = SheetImageProcessor(strips=tower.strips, strip=tower.strip, wide=tower.image_size)
    rows, columns = tower.grid
    return ColModernVBertProcessor(images, tokenizer, image_seq_len=rows * columns)


class Retriever(nn.Module):
    """The model in training, its processor, and two heads: one reads letters off the trunk (its first `depth` blocks)
    and the first merging, the other the code of the word around each column before the last merging makes cells."""

    def __init__(self, model: ColModernVBert, processor: ColModernVBertProcessor, depth: int) -> None:
        super().__init__()
        self.model, self.processor, self.depth = model, processor, depth
        blocks = self.tower.config.trunk
        self.reading = nn.Linear(blocks[depth].channels, LETTERS)
        self.coding = nn.Linear(blocks[-2 if len(blocks) > depth + 2 else depth].channels, model.dim)
        self.across = 2 * math.prod(block.stride[1] for block in blocks[:depth])
        self.column = self.across * blocks[depth].stride[1]
        self.down = 2 * math.prod(block.stride[0] for block in blocks[:depth])

    @property
    def tower(self) -> PageTower:
        """The vision tower inside the model."""
        return self.model.model.vision_model

    def trunk(self, cuts: torch.Tensor) -> torch.Tensor:
        """(cuts, channels, rows, columns) from bytes (cuts, height, width), strip by strip."""
        scaled = ((cuts.to(self.model.device).float() / 255 - 0.5) / 0.5).to(self.model.dtype)
        strips = cut(scaled[:, None].expand(-1, 3, -1, -1), self.tower.config.strip)
        maps = self.tower.stem(strips.contiguous(memory_format=torch.channels_last))
        for block in self.tower.blocks[: self.depth]:
            maps = block(maps)
        return joined(maps, len(cuts))

    def read(self, maps: torch.Tensor) -> torch.Tensor:
        """What the first merging makes of the trunk's maps, strip by strip: (strips, channels, 1, columns)."""
        strips = cut(maps, self.tower.config.strip // self.down)
        return self.tower.blocks[self.depth](strips.contiguous(memory_format=torch.channels_last))

    def letters(self, read: torch.Tensor) -> torch.Tensor:
        """(strips, columns, classes) from what `read` gives."""
        return self.reading(read[:, :, 0].transpose(1, 2))

    def gather(self, read: torch.Tensor) -> torch.Tensor:
        """What the blocks between the first merging and the last see around each column; sizes as `read`'s."""
        for block in self.tower.blocks[self.depth + 1 : -1]:
            read = block(read)
        return read

    def codes(self, gathered: torch.Tensor) -> torch.Tensor:
        """(strips, columns, 128) from what `gather` gives."""
        return self.coding(gathered[:, :, 0].transpose(1, 2))

    @torch.no_grad()
    def settle(self, maps: torch.Tensor) -> None:
        """Set that norm so that over these maps each channel has mean 0 and deviation 1: of PP-OCR's, a few are a
        hundred times as large as the rest, and nothing behind them learns before that is mended."""
        norm = self.tower.blocks[self.depth].norm
        places = functional.layer_norm(maps.float().permute(0, 2, 3, 1), norm.normalized_shape).flatten(0, 2)
        deviation = places.std(0).clamp(min=LEAST)
        norm.weight.copy_(1 / deviation)
        norm.bias.copy_(-places.mean(0) / deviation)

    def pages(self, gathered: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Of `count` cuts (cuts, tokens, 128), every row the index would hold of each; and (cuts, cells, 128), those of
        its cells, row by row: the prompt around the image has rows of its own. The model's own way from `gather` on."""
        maps = joined(self.tower.blocks[-1](gathered), count)
        cells = self.model.model.connector.modality_projection(self.tower.attend(maps).last_hidden_state)
        tokens = self._prompt(cells.shape[1]).to(cells.device)
        image = tokens == self.model.config.image_token_id
        ids = tokens.expand(len(cells), -1)
        embedded = self.model.model.get_input_embeddings()(ids).to(cells.dtype)
        embedded = embedded.masked_scatter(image[None, :, None], cells)
        rows = self.model(inputs_embeds=embedded, attention_mask=torch.ones_like(ids))
        return rows, rows[:, image]

    def queries(self, texts: Sequence[str]) -> torch.Tensor:
        """(queries, tokens, 128), as the processor makes them; padding is zero."""
        return self.model(**self.processor.process_queries(texts=list(texts)).to(self.model.device))

    def pieces(self, lines: Sequence[Line]) -> tuple[torch.Tensor, list[tuple[int, int]]]:
        """(pieces, 128) and, for each piece of text, its line and word; punctuation by itself is left out."""
        texts = [" ".join(line.words) for line in lines]
        rows = self.queries(texts)
        tokens = self.processor.tokenizer(texts, return_offsets_mapping=True)["offset_mapping"]
        last = rows.shape[1] - 10  # the processor's augmentation tokens stand behind every text, padding before it
        places, owners = [], []
        for at, (line, offsets) in enumerate(zip(lines, tokens, strict=True)):
            owner = _owners(line, offsets)
            for place, word in enumerate(owner):
                if word is not None and line.keys[word]:
                    places.append((at, last - len(owner) + place))
                    owners.append((at, word))
        index = torch.tensor(places, device=rows.device).T
        return rows[index[0], index[1]], owners

    def _prompt(self, cells: int) -> torch.Tensor:
        """The processor's own prompt, for a cut of so many cells."""
        processor = self.processor
        image = f"{processor.fake_image_token}{processor.global_image_tag}{processor.image_token * cells}"
        prompt = processor.visual_prompt_prefix.replace(processor.image_token, image + processor.fake_image_token)
        return torch.tensor(processor.tokenizer(prompt)["input_ids"])


def save(retriever: Retriever, folder: Path, dtype: torch.dtype = torch.bfloat16) -> None:
    """The checkpoint folder that `ColPaliEmbedder` loads: shards below 15 MB; the heads are left out."""
    held = {name: weight.detach().to(dtype) for name, weight in retriever.model.state_dict().items()}
    retriever.model.save_pretrained(folder, state_dict=held, max_shard_size=SHARD)
    retriever.processor.save_pretrained(folder)


def take_over(retriever: Retriever, folder: Path) -> None:
    """Give the model the weights of an exported checkpoint; only the heads stay new, and under another tokenizer the
    embeddings of pieces that it didn't have. `SystemExit` when it is of another shape."""
    held = ColModernVBert.from_pretrained(folder, dtype=torch.float32).state_dict()
    before, now = PreTrainedTokenizerFast.from_pretrained(folder), retriever.processor.tokenizer
    if before.get_vocab() != now.get_vocab():
        (name,) = (name for name in held if name.endswith("tok_embeddings.weight"))
        held[name] = _carried(held[name], before, now, retriever.model.dim)
    try:
        retriever.model.load_state_dict(held)
    except RuntimeError as error:
        raise SystemExit(f"{folder} is a model of another preset") from error


@torch.no_grad()
def _spell_out(model: ColModernVBert, tokenizer: PreTrainedTokenizerFast) -> None:
    """Let the untrained text model say of each piece what its letters tell of its word's code: the embedding is that
    code turned into the wider space, and the projection turns it back. What is left to learn is to put the pieces of
    a word together."""
    embedding, out = model.get_input_embeddings().weight, model.custom_text_proj.weight
    turn = nn.init.orthogonal_(torch.empty(embedding.shape[1], out.shape[0]))
    spelt = spelt_pieces(tokenizer, out.shape[0]) @ turn.T
    said = spelt.any(dim=1)
    embedding[said] = spelt[said] * math.sqrt(embedding.shape[1]) * embedding.std()
    out.copy_(turn.T)


def _carried(
    embedding: torch.Tensor, before: PreTrainedTokenizerFast, now: PreTrainedTokenizerFast, size: int
) -> torch.Tensor:
    """The embeddings under another tokenizer: of a piece that both have its own, of another what its letters' code
    would most likely have had, by least squares over the pieces there were."""
    spelt = spelt_pieces(before, size)
    said = spelt.any(dim=1)
    turn = torch.linalg.lstsq(spelt[said], embedding[said]).solution
    carried, places = spelt_pieces(now, size) @ turn, before.get_vocab()
    for piece, at in now.get_vocab().items():
        if piece in places:
            carried[at] = embedding[places[piece]]
    return carried


def _config(shape: Shape, tower: PageTowerConfig, tokenizer: PreTrainedTokenizerFast) -> ModernVBertConfig:
    ends = dict.fromkeys(("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), tokenizer.eos_token_id)
    text = {
        "model_type": "modernbert",
        "vocab_size": len(tokenizer),
        "hidden_size": shape.hidden,
        "intermediate_size": 2 * shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "max_position_embeddings": LONGEST,
        "pad_token_id": tokenizer.pad_token_id,
        **ends,
    }
    image = tokenizer.convert_tokens_to_ids("<image>")
    return ModernVBertConfig(
        text_config=text, vision_config=tower.to_dict(), image_token_id=image, pixel_shuffle_factor=1
    )


def _owners(line: Line, offsets: Sequence[tuple[int, int]]) -> list[int | None]:
    """Which word of the line each piece spells; None for a piece with no letter or digit in it."""
    text, owner, word = " ".join(line.words), [], 0
    ends = [sum(len(part) + 1 for part in line.words[: at + 1]) - 1 for at in range(len(line.words))]
    for begin, end in offsets:
        while word < len(ends) - 1 and end > ends[word]:
            word += 1
        owner.append(word if any(letter.isalnum() for letter in text[begin:end]) else None)
    return owner
