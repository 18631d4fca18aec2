import numpy as np

from partreg.figures.ranklist import MATCH_MARK, QUERY_MARK, choose, draw, rank_lists

# Vehicle 1 at 0 and 1, vehicle 2 at 10 and 4, vehicle 3 at 20; the gallery holds one image of each of the first two.
FEATURES = np.array([[0.0], [1.0], [10.0], [4.0], [20.0]], np.float32)
VEHICLES = np.array([1, 1, 2, 2, 3])


def test_rank_lists_by_hand():
    lists = rank_lists(FEATURES, VEHICLES, np.array([1, 3, 4]), np.array([0, 2]), top=1)
    assert lists.results.tolist() == [[0], [0], [2]]
    assert lists.matches.tolist() == [[True], [False], [False]]
    assert lists.ranks.tolist() == [1, 2, 0]


def test_equal_distances_keep_the_order_of_the_gallery():
    lists = rank_lists(np.zeros((4, 2), np.float32), np.array([1, 2, 1, 3]), np.array([0]), np.array([3, 2, 1]))
    assert lists.results.tolist() == [[3, 2, 1]]
    assert lists.ranks.tolist() == [2]


def test_choose_takes_the_largest_ratios_either_way_then_draws():
    first, second = np.array([1, 50, 8, 1, 1]), np.array([1, 40, 2, 6, 1])
    assert choose(first, second, 2, 0).tolist() == [3, 2]
    chosen = choose(first, second, 1, 9)
    assert chosen[0] == 3
    assert chosen[1:].tolist() == [0, 1, 2, 4]
    assert choose(first, second, 1, 2, seed=4).tolist() == choose(first, second, 1, 2, seed=4).tolist()


def test_a_rank_list_says_in_words_and_ticks_what_it_says_in_colour():
    lists = rank_lists(FEATURES, VEHICLES, np.array([1, 3]), np.array([0, 2]))
    figure = draw(lists, [np.zeros((8, 8, 3), np.uint8)] * 5, [0, 1], pixels=16)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words == [QUERY_MARK, MATCH_MARK, QUERY_MARK, MATCH_MARK, "match\nat 1", "match\nat 2"]
    assert len(figure.axes[0].images) == 6
