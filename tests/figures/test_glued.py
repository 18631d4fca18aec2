"""Values that prose names reach a cell's outputs under these names, and not the reader's eye."""

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from partreg.figures.glued import glue_all


def test_each_value_is_in_the_outputs_by_its_name_and_is_not_shown():
    InteractiveShell.instance()
    with capture_output() as captured:
        glue_all({"cmc-1": "48.0%", "count": 3})
    names = [output.metadata["scrapbook"]["name"] for output in captured.outputs]
    assert names == ["cmc-1", "count"]
    kinds = {kind for output in captured.outputs for kind in output.data}
    assert kinds
    assert all(kind.startswith("application/papermill.record/") for kind in kinds)
