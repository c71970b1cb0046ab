"""No hidden number of the public tables can be worked out: proved by linear programming, which the code never uses."""

import random
from collections import defaultdict

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from services.reporting.privacy import Arc, Cell, audit, chain, suppress, width

LAYERS = ("reported", "district", "growth", "group")
LEAST = {"reported": 10, "district": 5, "growth": 10, "group": 10}


def bounds(cells: dict[Cell, Arc], hidden: frozenset[Cell], name: Cell) -> tuple[float, float]:
    """The least and greatest value of a hidden cell that agree with all that is published."""
    names = sorted(hidden)
    nodes = sorted({node for arc in cells.values() for node in (arc.tail, arc.head)})
    place = {node: number for number, node in enumerate(nodes)}
    unknown, known = numpy.zeros((len(nodes), len(names))), numpy.zeros(len(nodes))
    for cell, arc in cells.items():
        for node, sign in ((arc.tail, 1), (arc.head, -1)):
            if cell in hidden:
                unknown[place[node], names.index(cell)] += sign
            else:
                known[place[node]] -= sign * arc.value
    aim = numpy.zeros(len(names))
    aim[names.index(name)] = 1
    found = []
    for sign in (1, -1):
        answer = linprog(sign * aim, A_eq=unknown, b_eq=known, bounds=(0, None), method="highs")
        assert answer.status in (0, 3), answer.message
        found.append(sign * answer.fun if answer.status == 0 else sign * -numpy.inf)
    return found[0], found[1]


def random_cells(chance: random.Random) -> dict[Cell, Arc]:
    """Everybody has one value in each layer; sizes as in a province in which most places are small."""
    sizes = (2, chance.randint(2, 9), chance.randint(2, 5), chance.randint(2, 4))
    people = chance.choice((0, 3, 30, 120, 400, 2000))
    favour = [[chance.paretovariate(0.8) for _ in range(size)] for size in sizes]
    tables: list[dict[tuple[str, str], int]] = [defaultdict(int) for _ in sizes[1:]]
    for table, left, right in zip(tables, sizes, sizes[1:], strict=False):
        table.update({(str(one), str(other)): 0 for one in range(left) for other in range(right)})
    for _ in range(people):
        values = [str(chance.choices(range(size), weights)[0]) for size, weights in zip(sizes, favour, strict=True)]
        for table, one, other in zip(tables, values, values[1:], strict=False):
            table[one, other] += 1
    return chain(LAYERS, tables, LEAST)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_no_hidden_cell_is_confined_to_less_than_its_threshold(seed: int) -> None:
    cells = random_cells(random.Random(seed))
    hidden = suppress(cells)
    assert hidden >= {name for name, arc in cells.items() if arc.value < arc.least}
    for name in hidden:
        least, greatest = bounds(cells, hidden, name)
        assert least <= cells[name].value <= greatest
        assert greatest - least >= cells[name].least, name


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_the_width_is_what_linear_programming_says_whatever_is_hidden(seed: int) -> None:
    chance = random.Random(seed)
    cells = random_cells(chance)
    hidden = frozenset(chance.sample(sorted(cells), chance.randint(1, len(cells))))
    for name in chance.sample(sorted(hidden), min(5, len(hidden))):
        least, greatest = bounds(cells, hidden, name)
        assert width(cells, hidden, name, 10) == min(10, round(greatest - least, 6)), name


def small() -> dict[Cell, Arc]:
    table = {("a", "x"): 40, ("a", "y"): 3, ("b", "x"): 50, ("b", "y"): 60, ("c", "x"): 70, ("c", "y"): 80}
    return chain(("place", "class"), [table], {"place": 5, "class": 10})


def test_hiding_the_small_cell_alone_is_found_out() -> None:
    cells = small()
    alone = {("place", "a", "class", "y")}
    assert audit(cells, alone) == list(alone)
    assert bounds(cells, frozenset(alone), ("place", "a", "class", "y")) == (3, 3)


def test_a_second_one_in_row_and_column_is_hidden_with_it_and_no_more() -> None:
    assert suppress(small()) == {
        ("place", "a", "class", "y"),
        ("place", "a", "class", "x"),
        ("place", "b", "class", "x"),
        ("place", "b", "class", "y"),
    }


def test_where_nobody_is_nothing_is_said() -> None:
    cells = chain(("place", "class"), [{("a", "x"): 0}], {"place": 5, "class": 10})
    assert suppress(cells) == set(cells)


def test_nothing_is_hidden_without_need() -> None:
    cells = chain(("place", "class"), [{("a", "x"): 10, ("b", "x"): 11}], {"place": 5, "class": 10})
    assert suppress(cells) == set()


def test_tables_of_different_people_are_refused() -> None:
    with pytest.raises(ValueError, match="count different people"):
        chain(("a", "b", "c"), [{("1", "2"): 5}, {("2", "3"): 6}], dict.fromkeys("abc", 5))
