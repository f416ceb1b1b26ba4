"""The rows of the paper's tables from runs with known measures."""

from types import SimpleNamespace

from rotoline.evaluation.paper_tables import JOINT, TABLE_1, TABLE_2, accuracy_rows

PER_OBJECT = "no-filter-propagation"


def run(*clips):
    return SimpleNamespace(in_group=lambda group: [one for one in clips if one.group == group])


def several(make_measure, name, first, second):
    """The measure of a clip with two objects."""
    one, other = make_measure(name, first), make_measure(name, second)
    return one.model_copy(update={"objects": (*one.objects, *other.objects)})


def cells(text, title):
    """The rows of a table, by name."""
    table = text.split(f"## {title}, ours")[1].split("The paper's own")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")][1:]
    return {name: rest for name, *rest in ([c.strip() for c in x.split("|")[1:-1]] for x in lines)}


def test_one_softmax_is_compared_where_clips_have_several_objects(make_measure):
    alone = make_measure("alone", [0.9, 0.9])
    runs = [
        ("full", run(alone, several(make_measure, "two", [0.6], [0.8]))),
        (PER_OBJECT, run(alone, several(make_measure, "two", [0.5], [0.7]))),
        (JOINT, run(alone, several(make_measure, "two", [0.3], [0.5]))),
    ]
    text = accuracy_rows(runs, "unseen")
    assert list(cells(text, "Table 2: unseen")) == ["full", PER_OBJECT]
    assert cells(text, "Table 2: unseen")["full"][0] == "0.800"
    rows = cells(text, "Table 1: unseen, clips with several objects")
    assert list(rows) == list(TABLE_1)
    assert (rows[JOINT][0], rows[PER_OBJECT][0]) == ("0.400", "0.600")


def test_without_several_objects_or_without_the_softmax_there_is_no_table_1(make_measure):
    alone = make_measure("alone", [0.9])
    names = [*TABLE_2, JOINT]
    assert "Table 1" not in accuracy_rows([(name, run(alone)) for name in names], "unseen")
    two = several(make_measure, "two", [0.6], [0.8])
    assert "Table 1" not in accuracy_rows([(name, run(two)) for name in TABLE_2], "unseen")
