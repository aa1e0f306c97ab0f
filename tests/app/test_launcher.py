"""./headway on machines that lack things: stand-ins for python, uv and apt-get on an otherwise empty PATH."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = (
    "sh",
    "cat",
    "cksum",
    "dirname",
    "rm",
    "mkdir",
    "sleep",
    "id",
    "tr",
    "kill",
    "printf",
    "env",
    "chmod",
    "cp",
    "ln",
)


class Machine:
    """A folder with the launcher, and a PATH that holds only what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.tree, self.bin = folder / "tree", folder / "bin"
        self.tree.mkdir()
        self.bin.mkdir()
        shutil.copy(ROOT / "headway", self.tree)
        for lock in ("requirements.lock", "requirements-test.lock"):
            (self.tree / lock).write_text(f"# {lock}\n")
        for tool in TOOLS:
            found = shutil.which(tool)
            if found:
                (self.bin / tool).symlink_to(found)

    def has(self, name: str, script: str) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)  # a link to the machine's own tool, which must not be written
        path.write_text(f'#!/bin/sh\necho {name} "$@" >>{self.tree}/calls\n{script}\n')
        path.chmod(0o755)

    def has_python(self, version_is_good: bool = True, venv: str = "full", pip: bool = False) -> None:
        """A python3 that can tell its version and, if `venv` says so, make environments."""
        inner = self.tree.parent / f"inner-{venv}"
        can_pip = "" if venv == "full" else 'case "$*" in *"-m pip"*) exit 1 ;; esac'
        inner.write_text(
            f'#!/bin/sh\n{can_pip}\necho inside "$@" >>{self.tree}/calls\n'
            'case "$*" in "-m app"*) echo "ran $*"; echo "CALLED_FROM=$CALLED_FROM" ;; esac\n'
        )
        inner.chmod(0o755)
        make = f"mkdir -p .venv/bin; cp {inner} .venv/bin/python"
        self.has(
            "python3",
            f"""case "$*" in
*version_info*raise*|*SystemExit*) exit {0 if version_is_good else 1} ;;
*--without-pip*) {make if venv in ("bare", "full") else "exit 1"} ;;
*"-m venv"*) {make if venv != "none" else "exit 1"}; {"exit 0" if venv == "full" else "exit 1"} ;;
*"-m pip"*) exit {0 if pip else 1} ;;
*"-m virtualenv"*) exit 1 ;;
esac""",
        )

    def run(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.tree / "headway"), *arguments],
            env={"PATH": str(self.bin), "HOME": "/nonexistent"},
            cwd=cwd or self.tree,
            capture_output=True,
            text=True,
            timeout=60,
        )

    @property
    def calls(self) -> list[str]:
        path = self.tree / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def forget_calls(self) -> None:
        (self.tree / "calls").unlink(missing_ok=True)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def installs(machine: Machine) -> list[str]:
    return [call for call in machine.calls if "install" in call and "-r" in call]


def test_it_installs_once_and_then_only_runs(machine: Machine) -> None:
    machine.has_python()
    first = machine.run("ask", "events by day")
    assert first.returncode == 0, first.stderr
    assert "ran -m app ask events by day" in first.stdout
    assert len(installs(machine)) == 1 and "--require-hashes" in installs(machine)[0]
    machine.forget_calls()
    again = machine.run("--help")
    assert "ran -m app --help" in again.stdout
    assert installs(machine) == []
    assert again.stderr == ""


def test_uv_is_taken_where_there_is_one(machine: Machine) -> None:
    machine.has_python()
    inner = machine.tree.parent / "inner-full"
    machine.has("uv", f'case "$1" in venv) mkdir -p .venv/bin; cp {inner} .venv/bin/python ;; esac')
    assert machine.run("--help").returncode == 0
    assert [call.split()[0] for call in installs(machine)] == ["uv"]


def test_without_ensurepip_a_pip_outside_fills_the_environment(machine: Machine) -> None:
    machine.has_python(venv="bare", pip=True)
    assert machine.run("--help").returncode == 0
    assert "python3 -m pip --python .venv/bin/python install" in installs(machine)[0]


def test_without_venv_or_pip_it_says_what_helps_and_leaves_nothing_half_made(machine: Machine) -> None:
    machine.has_python(venv="none")
    machine.has("id", "echo 1000")  # not root: nothing may be installed for the machine
    refused = machine.run("--help")
    assert refused.returncode == 7
    assert "apt install python3-venv" in refused.stderr
    assert not (machine.tree / ".venv").exists()


def test_a_stand_in_never_replaces_the_tool_it_stands_for(machine: Machine, tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text("real")
    (machine.bin / "tool").symlink_to(real)
    machine.has("tool", "true")
    assert real.read_text() == "real"


def test_root_fetches_the_missing_package(machine: Machine) -> None:
    machine.has_python(venv="none")
    (machine.bin / "id").unlink()
    machine.has("id", "echo 0")
    machine.has(
        "apt-get", f'case "$1" in install) cp {machine.bin}/python3.full {machine.bin}/python3 ;; esac'
    )
    whole = Machine.__new__(Machine)
    whole.tree, whole.bin = machine.tree, machine.tree.parent
    whole.has_python()
    shutil.move(machine.tree.parent / "python3", machine.bin / "python3.full")
    ran = machine.run("--help")
    assert ran.returncode == 0, ran.stderr
    assert any(call.startswith("apt-get install") for call in machine.calls)


@pytest.mark.parametrize("good", [None, False])
def test_without_a_python_that_is_new_enough_it_says_which_is_needed(
    machine: Machine, good: bool | None
) -> None:
    if good is not None:
        machine.has_python(version_is_good=good)
    refused = machine.run("--help")
    assert refused.returncode == 7
    assert "Python 3.11 or newer is needed" in refused.stderr


def test_a_missing_lock_is_named(machine: Machine) -> None:
    machine.has_python()
    (machine.tree / "requirements.lock").unlink()
    refused = machine.run("--help")
    assert refused.returncode == 7
    assert "git checkout -- requirements.lock" in refused.stderr


def test_a_lock_that_cannot_be_installed_is_said_and_tried_again(machine: Machine) -> None:
    machine.has_python()
    inner = machine.tree.parent / "inner-full"
    inner.write_text(inner.read_text().replace("case", 'case "$*" in *install*) exit 1 ;; esac\ncase', 1))
    for _ in range(2):
        refused = machine.run("--help")
        assert refused.returncode == 7
        assert "git diff requirements.lock" in refused.stderr
    assert len(installs(machine)) == 2


def test_a_folder_that_cannot_be_written_is_named() -> None:
    """Root can write everywhere, so there the launcher runs as nobody, in a folder that nobody can reach."""
    with tempfile.TemporaryDirectory() as open_to_all:
        folder = Path(open_to_all)
        machine = Machine(folder)
        machine.has_python()
        machine.has("apt-get", "exit 1")
        for reached in (folder, machine.bin):  # whatever the umask of who runs the tests
            reached.chmod(0o755)
        machine.tree.chmod(0o555)
        refused = subprocess.run(
            [str(machine.tree / "headway"), "--help"],
            env={"PATH": str(machine.bin)},
            capture_output=True,
            text=True,
            user=65534 if os.geteuid() == 0 else None,
        )
        machine.tree.chmod(0o755)
        assert refused.returncode == 7
        assert f"{machine.tree} cannot be written" in refused.stderr
        assert "python3-venv" not in refused.stderr


def test_two_first_starts_at_once_install_once(machine: Machine) -> None:
    machine.has_python()
    inner = machine.tree.parent / "inner-full"
    inner.write_text(inner.read_text().replace("case", 'case "$*" in *install*) sleep 2 ;; esac\ncase', 1))
    with ThreadPoolExecutor() as both:
        ran = [both.submit(machine.run, "--help") for _ in range(2)]
    assert [one.result().returncode for one in ran] == [0, 0]
    assert all("ran -m app --help" in one.result().stdout for one in ran)
    assert len(installs(machine)) == 1
    assert sum("another start is installing" in one.result().stderr for one in ran) == 1
    assert not (machine.tree / ".installing").exists()


@pytest.mark.parametrize("left", ["999999999", ""])
def test_a_turn_that_somebody_died_in_is_taken_over(machine: Machine, left: str) -> None:
    machine.has_python()
    turn = machine.tree / ".installing"
    turn.mkdir()
    if left:
        (turn / "process").write_text(left)
    assert machine.run("--help").returncode == 0
    assert not turn.exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_nothing_goes_on_installing_when_it_is_stopped(machine: Machine, how: signal.Signals) -> None:
    machine.has_python()
    inner, installing = machine.tree.parent / "inner-full", machine.tree / "installing"
    whole = inner.read_text()
    waits = f"echo $$ >{installing}.new; mv {installing}.new {installing}; exec sleep 60"
    inner.write_text(whole.replace("case", f'case "$*" in *install*) {waits} ;; esac\ncase', 1))
    started = subprocess.Popen(
        [str(machine.tree / "headway"), "--help"],
        env={"PATH": f"{machine.bin}:{os.environ['PATH']}"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
    )
    while not installing.exists():
        assert started.poll() is None
        time.sleep(0.01)
    os.killpg(started.pid, how)  # as a terminal does: to all that it started
    assert "stopped while installing" in started.communicate(timeout=60)[1]
    assert started.returncode == 130
    with pytest.raises(ProcessLookupError):
        os.kill(int(installing.read_text()), 0)
    inner.write_text(whole)
    (machine.tree / ".venv" / "bin" / "python").write_text(whole)
    assert machine.run("--help").returncode == 0


def test_a_changed_lock_is_installed_anew(machine: Machine) -> None:
    machine.has_python()
    machine.run("--help")
    (machine.tree / "requirements.lock").write_text("# another\n")
    machine.forget_calls()
    machine.run("--help")
    assert len(installs(machine)) == 1


def test_what_the_tests_need_holds_for_running_too(machine: Machine) -> None:
    machine.has_python()
    machine.run("test", "-k", "demo")
    assert "requirements-test.lock" in installs(machine)[0]
    machine.forget_calls()
    machine.run("demo")
    assert installs(machine) == []


def test_a_broken_environment_is_made_again(machine: Machine) -> None:
    machine.has_python()
    machine.run("--help")
    (machine.tree / ".venv" / "bin" / "python").unlink()
    assert machine.run("--help").returncode == 0


def test_it_remembers_where_it_was_called(machine: Machine, tmp_path: Path) -> None:
    machine.has_python()
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    assert f"CALLED_FROM={elsewhere}" in machine.run("import", "events.csv", cwd=elsewhere).stdout


def test_no_registry_is_named_in_any_committed_file() -> None:
    for name in (
        "headway",
        "requirements.in",
        "requirements-test.in",
        "requirements.lock",
        "requirements-test.lock",
    ):
        text = (ROOT / name).read_text()
        assert "index-url" not in text and "pypi" not in text.lower(), name


def test_every_posix_shell_reads_it() -> None:
    shells = [shell for shell in ("sh", "dash", "bash") if shutil.which(shell)]
    for shell in shells:
        subprocess.run([shell, "-n", str(ROOT / "headway")], check=True)
    assert os.access(ROOT / "headway", os.X_OK) and sys.version_info >= (3, 11)
