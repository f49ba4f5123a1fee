"""An output is looked at before the work begins, and an error leaves what was there before."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.errors import Hint
from runtime.output_files import OutputError, check_output, replacing, write_text


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "is a folder|is empty"),
        ("report.pdf", "must end with .html or .htm"),
        ("none/report.html", "none is not a folder: create it first"),
        ("file/report.html", "can't write|is not a folder"),
        ("folder.html", "is a folder: name a file in it"),
        ("mine.html", "mine.html exists"),
        (f"{'x' * 300}.html", "too long"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_in_one_line(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "mine.html").touch()
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(OutputError, match=reason) as caught:
        check_output(tmp_path / name if name else Path(""), suffixes=(".html", ".htm"))
    assert "\n" not in str(caught.value)


def test_a_new_file_an_old_one_by_force_and_one_of_its_own_kind_are_accepted(tmp_path: Path) -> None:
    old = tmp_path / "old.csv"
    check_output(old, suffixes=(".csv",))
    old.write_text("mine")
    check_output(old, force=True)
    check_output(old, replaceable=lambda path: path.read_text() == "mine")
    with pytest.raises(OutputError, match="exists and is not a report") as caught:
        check_output(old, replaceable=lambda _: False, kind="a report")
    assert caught.value.hint is Hint.OVERWRITE
    check_output(Path("/dev/null"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="can't be written to"):
        check_output(tmp_path / "out.csv")


def test_an_error_halfway_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old")

    def write_half() -> None:
        with replacing(out) as draft:
            draft.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    out.write_text("old")
    program = (
        "import resource, sys; from pathlib import Path; from runtime.output_files import write_text, OutputError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_text(Path(sys.argv[1]), 'x' * 100_000)\n"
        "except OutputError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(out)], capture_output=True, text=True, check=True)
    assert done.stdout == f"can't write {out} (File too large); it is unchanged\n"
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_a_replaced_file_keeps_its_rights_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_text(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_device_is_written_and_not_replaced() -> None:
    write_text(Path("/dev/null"), "nothing")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
