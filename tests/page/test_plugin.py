"""The plugin is there, in JupyterLab and in Notebook 7, and does no harm."""

from __future__ import annotations

import pytest

PLUGIN = "kcomm:plugin"


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_plugin_is_active(open_notebook, app):
    notebook = open_notebook(["1 + 1"], app=app)

    assert notebook.page.evaluate("(id) => jupyterapp.hasPlugin(id)", PLUGIN)
    assert notebook.page.evaluate("(id) => jupyterapp.isPluginActivated(id)", PLUGIN)
    assert notebook.run(0) == "2"
    notebook.screenshot(f"plugin-{app}")
    assert notebook.errors() == []


def test_notebook_helper_reaches_the_kernel(open_notebook):
    notebook = open_notebook(["a = 6; print('six')\na * 7", "raise ValueError('no')"])

    assert notebook.run(0) == "six\n42"
    assert notebook.evaluate("[a, 'x']") == [6, "x"]
    notebook.execute("a = 7")
    assert notebook.evaluate("a") == 7
    assert notebook.connection_file.is_file()
    assert notebook.output(0).inner_text().split() == ["six", "[1]:", "42"]
    with pytest.raises(AssertionError, match="ValueError"):
        notebook.run(1)


def test_two_notebooks_share_a_kernel(open_notebook):
    notebook = open_notebook(["a = 1"])
    notebook.run(0)

    other = notebook.open_beside(["a + 1"], "beside.ipynb", share_kernel=True)

    assert other.kernel_id == notebook.kernel_id
    assert other.run(0) == "2"


CAMERA = """
async () => {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      video: { width: 640, height: 480 },
    });
    const { width, height } = stream.getVideoTracks()[0].getSettings();
    return [width, height];
  } catch (error) {
    return error.name;
  }
}
"""


@pytest.mark.parametrize(
    ("camera", "expected"),
    [("clip", [640, 480]), ("denied", "NotAllowedError"), ("missing", "NotFoundError")],
)
def test_camera_of_the_browser(lab, page, expected):
    page.goto(f"{lab.url}/api/status?token={lab.token}")

    assert page.evaluate(CAMERA) == expected
