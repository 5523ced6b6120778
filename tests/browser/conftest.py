"""The suite browser has the fixtures of the suite integration, and needs a browser besides."""

import importlib.util
import pathlib
import shutil
import sys

import pytest

_INTEGRATION = pathlib.Path(__file__).resolve().parent.parent / "integration"
sys.path.insert(0, str(_INTEGRATION))
_spec = importlib.util.spec_from_file_location("integration_conftest", _INTEGRATION / "conftest.py")
_shared = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_shared)

namespace = _shared.namespace
serve = _shared.serve
pytest_sessionfinish = _shared.pytest_sessionfinish


def pytest_collection_modifyitems(items) -> None:
    _shared.pytest_collection_modifyitems(items)
    if not shutil.which("chromium"):
        for item in items:
            item.add_marker(pytest.mark.skip(reason="no Chromium here: scripts/setup browser installs it, as root"))
