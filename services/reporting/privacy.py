"""Which cells of the public tables are hidden, so that nobody can work out from the others what they say.

The tables are a chain of classifications of the same people, each beside the next: district by growth, growth by group.
So every number is the flow through one arc of a network, sums are what flows in and out of its nodes, and what a reader
can work out of a hidden cell is exactly what may still flow through it: a maximum flow, in whole numbers.
"""

import heapq
from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

Cell = tuple[str, ...]
"""() is the total; (layer, value) all people of a value; (layer, value, next layer, its value) those of both."""
Node = tuple[str, ...]
_START: Node = ("start",)
_END: Node = ("end",)
_TOTAL_COSTS = 10**9
_MARGIN_COSTS = 10**4


class Arc(NamedTuple):
    """A number of the tables. Below `least` it is hidden."""

    tail: Node
    head: Node
    value: int
    least: int


class NotPrivate(ValueError):
    """A hidden cell could be worked out: nothing may be published."""


def chain(
    layers: Sequence[str], tables: Sequence[Mapping[tuple[str, str], int]], least: Mapping[str, int]
) -> dict[Cell, Arc]:
    """The cells of tables that each relate a layer to the next. `least`: the threshold of a layer's own totals, and of
    a cell of two layers the higher of theirs.

    Raises ValueError when two tables count different people.
    """
    sums: list[dict[str, int]] = [{} for _ in layers]
    for place, table in enumerate(tables):
        for side in (0, 1):
            found: dict[str, int] = defaultdict(int)
            for pair, people in table.items():
                found[pair[side]] += people
            if side == 0 and place and _without_nothing(found) != _without_nothing(sums[place]):
                raise NotPrivate(f"the tables beside {layers[place]} count different people")
            sums[place + side] = {**dict.fromkeys(sums[place + side], 0), **found}
    total = sum(sums[0].values())
    cells: dict[Cell, Arc] = {(): Arc(_END, _START, total, min(least.values()))}
    for place, layer in enumerate(layers):
        for value, people in sums[place].items():
            tail = _START if place == 0 else (layer, value, "in")
            head = _END if place == len(layers) - 1 else (layer, value, "out")
            cells[layer, value] = Arc(tail, head, people, least[layer])
    for (layer, following), table in zip(pairwise(layers), tables, strict=True):
        for one in sums[layers.index(layer)]:
            for other in sums[layers.index(following)]:
                people = table.get((one, other), 0)
                arc = Arc((layer, one, "out"), (following, other, "in"), people, max(least[layer], least[following]))
                cells[layer, one, following, other] = arc
    return cells


def suppress(cells: Mapping[Cell, Arc]) -> frozenset[Cell]:
    """The cells to hide: those about too few people, and others until the audit finds none that can be worked out.

    It ends, for each round hides more, and where all is hidden nothing can be. Raises NotPrivate if it cannot go on.
    """
    hidden = {name for name, arc in cells.items() if arc.value < arc.least}
    while confined := audit(cells, hidden):
        before = len(hidden)
        for name in confined:
            hidden |= _company(cells, hidden, name)
        if len(hidden) == before:
            raise NotPrivate(f"{len(confined)} hidden cells can be worked out, {confined[0]} among them")
    return frozenset(hidden)


def audit(cells: Mapping[Cell, Arc], hidden: Collection[Cell]) -> list[Cell]:
    """The hidden cells that a reader of all others could confine to less than their threshold."""
    return [name for name in sorted(hidden) if width(cells, hidden, name, cells[name].least) < cells[name].least]


def width(cells: Mapping[Cell, Arc], hidden: Collection[Cell], name: Cell, enough: int) -> int:
    """How far apart the least and the greatest possible value of a hidden cell lie, up to `enough`.

    What is known: every cell that is not hidden, every sum, and that nobody is counted less than zero times.
    """
    free: dict[Node, dict[Node, int]] = defaultdict(lambda: defaultdict(int))
    for other in hidden:
        if other != name:
            arc = cells[other]
            free[arc.tail][arc.head] += enough
            free[arc.head][arc.tail] += min(arc.value, enough)
    arc = cells[name]
    up = _flow({node: dict(arcs) for node, arcs in free.items()}, arc.head, arc.tail, enough)
    if up >= enough:
        return enough
    down = _flow({node: dict(arcs) for node, arcs in free.items()}, arc.tail, arc.head, min(arc.value, enough))
    return min(up + down, enough)


def _flow(free: dict[Node, dict[Node, int]], source: Node, target: Node, most: int) -> int:
    """The maximum flow, up to `most`, along shortest paths first. Uses `free` up."""
    flow = 0
    while flow < most:
        before = _reached(free, source, target)
        if target not in before:
            break
        path = [target]
        while path[-1] != source:
            path.append(before[path[-1]])
        steps = list(pairwise(reversed(path)))
        more = min(most - flow, *(free[tail][head] for tail, head in steps))
        for tail, head in steps:
            free[tail][head] -= more
            back = free.setdefault(head, {})
            back[tail] = back.get(tail, 0) + more
        flow += more
    return flow


def _reached(free: Mapping[Node, Mapping[Node, int]], source: Node, target: Node) -> dict[Node, Node]:
    before = {source: source}
    waiting = deque([source])
    while waiting and target not in before:
        node = waiting.popleft()
        for head, left in free.get(node, {}).items():
            if left and head not in before:
                before[head] = node
                waiting.append(head)
    return before


def _company(cells: Mapping[Cell, Arc], hidden: Collection[Cell], name: Cell) -> set[Cell]:
    """The cheapest cells found whose hiding lets this one be higher by its threshold: people may be shifted over them.

    Whatever else there is, a way leads forward through every layer and over the total.
    """
    arc = cells[name]
    free: dict[Node, dict[Node, int]] = defaultdict(dict)
    costs: dict[tuple[Node, Node], int] = {}
    names: dict[tuple[Node, Node], Cell] = {}
    for other, one in cells.items():
        if other != name:
            for step, room in (((one.tail, one.head), arc.least), ((one.head, one.tail), min(one.value, arc.least))):
                free[step[0]][step[1]] = room
                costs[step] = 0 if other in hidden else _cost(other, one)
                names[step] = other
    found: set[Cell] = set()
    shifted = 0
    while shifted < arc.least:
        steps = _cheapest(free, costs, arc.head, arc.tail)
        if not steps:
            break
        more = min(arc.least - shifted, *(free[tail][head] for tail, head in steps))
        for tail, head in steps:
            free[tail][head] -= more
            free[head][tail] += more
            found.add(names[tail, head])
            costs[tail, head] = costs[head, tail] = 0
        shifted += more
    return found


def _cheapest(
    free: Mapping[Node, Mapping[Node, int]], costs: Mapping[tuple[Node, Node], int], source: Node, target: Node
) -> list[tuple[Node, Node]]:
    """The steps of the cheapest path with room (Dijkstra); none where there is no path."""
    best: dict[Node, int] = {source: 0}
    came: dict[Node, Node] = {}
    waiting = [(0, source)]
    while waiting:
        cost, node = heapq.heappop(waiting)
        if cost > best[node]:
            continue
        for head, room in free[node].items():
            further = cost + costs[node, head]
            if room and (head not in best or further < best[head]):
                best[head] = further
                came[head] = node
                heapq.heappush(waiting, (further, head))
    steps = []
    node = target
    while node != source and node in came:
        steps.append((came[node], node))
        node = came[node]
    return steps


def _cost(name: Cell, arc: Arc) -> int:
    """What is lost by hiding: a total more than a margin, a margin more than any cells, many people more than few."""
    if not name:
        return _TOTAL_COSTS
    return 1 + arc.value * (_MARGIN_COSTS if len(name) == 2 else 1)


def _without_nothing(sums: Mapping[str, int]) -> dict[str, int]:
    return {name: people for name, people in sums.items() if people}
