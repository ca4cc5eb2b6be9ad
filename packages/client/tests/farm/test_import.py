"""What importing the package does and does not do."""

from __future__ import annotations

import subprocess
import sys
import warnings
from types import ModuleType, SimpleNamespace

import pytest

import opencue
from opencue import installation


def run_python(code: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_loads_nothing_heavy():
    """`import opencue` loads neither grpc nor protobuf nor YAML, nor what looks through installed packages."""
    heavy = ("grpc", "google.protobuf", "yaml", "importlib.metadata", "email")
    code = (
        f"import sys; before = {{*sys.modules}}; import opencue; print([*({{*sys.modules}} - before) & {{*{heavy}}}])"
    )
    assert run_python(code) == "[]"


def test_submodules_are_reachable_from_the_package():
    """`opencue.api`, `opencue.wrappers.job` and the rest work after `import opencue` alone."""
    code = (
        "import opencue; print(opencue.wrappers.job.Job.__name__, opencue.Cuebot.Timeout, "
        "opencue.DependType.LAYER_ON_LAYER.name, opencue.search.JobSearch.kind)"
    )
    assert run_python(code) == "Job 10000 LAYER_ON_LAYER job"


@pytest.mark.parametrize(
    "code",
    [
        "import opencue; a = opencue.compiled_proto.job_pb2",
        "from opencue.compiled_proto import job_pb2 as a",
        "import opencue.compiled_proto.job_pb2 as a",
        "import opencue; a = opencue.api.job_pb2",
    ],
)
def test_compiled_proto_is_the_wires_own_module(code):
    """Every way to the messages ends at the same module object."""
    assert run_python(f"{code}; import opencue_proto.job_pb2 as b; print(a is b, a.DEAD)") == "True 5"


def test_every_message_module_is_there():
    """compiled_proto has all modules of opencue_proto, stubs included."""
    assert {"job_pb2", "job_pb2_grpc", "host_pb2", "monitoring_pb2_grpc"} <= set(opencue.compiled_proto.__all__)


def test_an_unknown_name_is_an_attribute_error():
    """A misspelt name fails like in any module."""
    with pytest.raises(AttributeError, match="getJobs"):
        opencue.getJobs  # noqa: B018 - the access is the test


def other_distribution(tmp_path) -> SimpleNamespace:
    """Return what importlib.metadata would say of a distribution in tmp_path."""
    return SimpleNamespace(version="1.37.0", locate_file=lambda name: tmp_path / name)


def test_no_conflict_without_the_other_distribution(monkeypatch):
    """Alone, nothing is said."""

    monkeypatch.setattr(installation, "other_distribution", lambda: None)
    assert installation.describe_conflict(opencue.__file__) is None


def test_a_distribution_over_ours_is_warned_about(tmp_path, monkeypatch):
    """The same folder for both is named as such, with the commands that mend it."""
    monkeypatch.setattr(installation, "other_distribution", lambda: other_distribution(tmp_path))
    with pytest.warns(installation.SharedPackageWarning, match="on top of each other.*pip uninstall -y opencue_pycue"):
        installation.warn_if_shared(str(tmp_path / "opencue" / "__init__.py"))


def test_a_distribution_beside_ours_is_warned_about(tmp_path, monkeypatch):
    """Two folders: the warning says which one Python uses."""
    monkeypatch.setattr(installation, "other_distribution", lambda: other_distribution(tmp_path))
    conflict = installation.describe_conflict("/ours/opencue/__init__.py")
    assert "Python uses the one in /ours/opencue" in conflict


def test_a_program_warns_for_a_package_that_was_overwritten():
    """An `opencue` whose start is not ours is named with the remedy; ours is not."""
    replaced = ModuleType("opencue")
    replaced.__file__ = "/site-packages/opencue/__init__.py"
    with pytest.warns(installation.SharedPackageWarning, match="is not cuefarm-client's.*force-reinstall"):
        installation.warn_if_replaced(replaced)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        installation.warn_if_replaced(opencue)


def test_a_real_metadata_folder_is_found(tmp_path):
    """Installed metadata of the other distribution on the path is noticed at import, under its usual spelling."""
    folder = tmp_path / "opencue_pycue-1.37.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: opencue-pycue\nVersion: 1.37.0\n")
    code = f"import sys, warnings; sys.path.append({str(tmp_path)!r}); warnings.simplefilter('error')\nimport opencue"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert "SharedPackageWarning: opencue_pycue 1.37.0 is installed beside cuefarm-client" in done.stderr


def test_this_installation_is_not_shared():
    """The environment that runs the tests has no conflict, so the warning above is not noise."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        installation.warn_if_shared(opencue.__file__)
