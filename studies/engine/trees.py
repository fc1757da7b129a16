"""Prompts that begin alike, put together as trees: what several of them begin with is read once.

A tree is one row of a forward pass. Its tokens stand in the order in which one meets them going
through its prompts, sorted. Each sees what all prompts begin with and the tokens that lead to it,
as it does in its prompt alone.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, pairwise, takewhile

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from studies.engine.parts import Place
from studies.engine.reading_order import cost, pieces, tokens_cost

# Tokens of a tree, unless a prompt has more: wider ones hardly save any more, and attention
# computes more that is masked.
_WIDE = 128
_LISTS = 16  # of prompts whose trees are remembered: every trial asks for the same

Prompt = tuple[int, ...]
Rows = Int[Tensor, " row"]
Places = Int[Tensor, "tree token"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Trees:
    """Rows of tokens in trees; behind a smaller tree or a shorter row stand zeros."""

    tokens: Places
    depths: Places  # how many tokens lead to each
    ends: Places  # the place behind the last token that each leads to
    readers: Places  # a row that has the token
    where: Rows  # the tree of each row
    paths: Int[Tensor, "row token"]  # the places of its tokens there
    lasts: Rows  # the place of its last one

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def width(self) -> int:
        return self.tokens.shape[1]

    @property
    def pieces(self) -> list[slice]:
        """Trees that are read together."""
        on_gpu = self.tokens.device.type != "cpu"
        return [slice(0, len(self))] if on_gpu else pieces(len(self), self.width)

    def seen(self, piece: slice) -> Bool[Tensor, "tree token token"]:
        """Which tokens of its tree each token sees, itself included."""
        places = torch.arange(self.width, device=self.ends.device)
        leads = (places < places[:, None]) & (places[:, None] < self.ends[piece, None])
        return leads | (places == places[:, None])

    def rows(self, piece: slice) -> Rows:
        """The rows in some trees, tree by tree."""
        order = self.where.argsort(stable=True)
        trees = self.where[order]
        return order[(trees >= piece.start) & (trees < piece.stop)]


def cheaper_trees(
    prompts: Sequence[Sequence[int]],
    owners: Sequence[int],
    starts: Sequence[Place],
    parts: Sequence[slice],
    device: torch.device,
) -> Trees | None:
    """The rows of a batch in trees, if reading those costs less than reading `parts` of it."""
    trees = in_trees(prompts, owners, starts, device)
    lengths = [len(prompt) for prompt in prompts]
    together = [(piece.stop - piece.start, trees.width) for piece in trees.pieces]
    plain = [(len(lengths[part]), max(lengths[part])) for part in parts]
    return trees if cost(together, device) < cost(plain, device) else None


def in_trees(
    prompts: Sequence[Sequence[int]],
    owners: Sequence[int],
    starts: Sequence[Place],
    device: torch.device,
) -> Trees:
    """The rows of a batch in trees, these in the order of `starts`.

    The rows of a tree have the same owner and start.
    """
    groups: dict[tuple[Place, int], list[int]] = defaultdict(list)
    for row, key in enumerate(zip(starts, owners, strict=True)):
        groups[key].append(row)
    chosen = [rows for _, rows in sorted(groups.items())]
    grown = [trees_of(tuple(tuple(prompts[row]) for row in rows)) for rows in chosen]
    return _together(grown, [torch.tensor(rows) for rows in chosen], device)


@lru_cache(maxsize=_LISTS)
def trees_of(prompts: tuple[Prompt, ...]) -> Trees:
    """Prompts in the trees that cost least, each of some that follow one another when sorted."""
    order = sorted(range(len(prompts)), key=lambda row: prompts[row])
    same = [0, *(_common(prompts[a], prompts[b]) for a, b in pairwise(order))]
    lengths = [len(prompts[row]) for row in order]
    longest = max(lengths)
    ways = (
        (width, _cuts(lengths, same, width)) for width in range(longest, max(longest, _WIDE) + 1)
    )
    _, cuts = min(ways, key=lambda way: tokens_cost(len(way[1]) - 1, way[0]))
    growing = _Growing()
    for begin, end in pairwise(cuts):
        growing.add_tree(prompts, order[begin:end], [0, *same[begin + 1 : end]])
    return growing.trees()


def _common(one: Prompt, other: Prompt) -> int:
    """How many first tokens two prompts have in common."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _cuts(lengths: Sequence[int], same: Sequence[int], width: int) -> list[int]:
    """Where trees of at most `width` tokens begin, so that they are few, and the end."""
    cuts, used = list[int](), width
    for place, (length, known) in enumerate(zip(lengths, same, strict=True)):
        used += length - known
        if used > width:
            cuts.append(place)
            used = length
    return [*cuts, len(lengths)]


@dataclass(slots=True)
class _Growing:
    """Trees as lists of numbers."""

    tokens: list[list[int]] = field(default_factory=list)
    depths: list[list[int]] = field(default_factory=list)
    ends: list[list[int]] = field(default_factory=list)
    readers: list[list[int]] = field(default_factory=list)
    paths: dict[int, tuple[int, list[int]]] = field(
        default_factory=dict
    )  # row -> its tree, places

    def add_tree(
        self, prompts: Sequence[Prompt], rows: Sequence[int], same: Sequence[int]
    ) -> None:
        """One of sorted prompts, each with so many first tokens as the one before."""
        tokens, depths, readers, path = list[int](), list[int](), list[int](), list[int]()
        ends: dict[int, int] = {}
        for row, known in zip(rows, same, strict=True):
            ends |= dict.fromkeys(path[known:], len(tokens))
            own = prompts[row][known:]
            path = [*path[:known], *range(len(tokens), len(tokens) + len(own))]
            depths += range(known, known + len(own))
            readers += [row] * len(own)
            tokens += own
            self.paths[row] = len(self.tokens), path
        ends |= dict.fromkeys(path, len(tokens))
        self.ends.append([ends[place] for place in range(len(tokens))])
        self.tokens.append(tokens)
        self.depths.append(depths)
        self.readers.append(readers)

    def trees(self) -> Trees:
        where, paths = zip(*(path for _, path in sorted(self.paths.items())), strict=True)
        return Trees(
            tokens=_even(self.tokens),
            depths=_even(self.depths),
            ends=_even(self.ends),
            readers=_even(self.readers),
            where=torch.tensor(where),
            paths=_even(paths),
            lasts=torch.tensor([path[-1] for path in paths]),
        )


def _even(lists: Sequence[Sequence[int]]) -> Int[Tensor, "list number"]:
    """With zeros behind the shorter ones."""
    width = max(map(len, lists))
    return torch.tensor([[*one, *[0] * (width - len(one))] for one in lists])


def _together(parts: Sequence[Trees], rows: Sequence[Rows], device: torch.device) -> Trees:
    """Trees of all rows of a batch, of which each part knows some, by numbers of its own."""

    def joined(tensors: Sequence[Tensor]) -> Tensor:
        width = max(one.shape[1] for one in tensors)
        even = [nn.functional.pad(one, (0, width - one.shape[1])) for one in tensors]
        return torch.cat(even).to(device)

    numbers = zip(rows, parts, strict=True)
    before = accumulate((len(part) for part in parts), initial=0)
    back = torch.cat(list(rows)).argsort().to(device)
    where = torch.cat([part.where + n for part, n in zip(parts, before, strict=False)])
    return Trees(
        tokens=joined([part.tokens for part in parts]),
        depths=joined([part.depths for part in parts]),
        ends=joined([part.ends for part in parts]),
        readers=joined([own[part.readers] for own, part in numbers]),
        where=where.to(device)[back],
        paths=joined([part.paths for part in parts])[back],
        lasts=torch.cat([part.lasts for part in parts]).to(device)[back],
    )
