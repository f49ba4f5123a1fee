import os
from pathlib import Path

from runtime.private_files import open_private, private_folder, restrict_tree, write_private

# Root's group may pass through root's folders.
OTHERS = 0o067 if os.geteuid() == 0 else 0o077


def _is_private(path: Path) -> bool:
    return not path.stat().st_mode & (OTHERS if path.is_dir() else 0o077)


def test_a_new_folder_and_its_new_parents_are_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    made = private_folder(tmp_path / "a" / "b")
    assert _is_private(made)
    assert _is_private(made.parent)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_an_existing_folder_becomes_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert _is_private(private_folder(tmp_path))


def test_new_and_overwritten_files_are_private(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.touch(0o644)
    write_private(old, "x")
    with open_private(tmp_path / "new", "a") as file:
        file.write("x")
    assert _is_private(old)
    assert _is_private(tmp_path / "new")


def test_the_content_of_a_folder_becomes_private_and_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.touch(0o644)
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True, mode=0o755)
    (folder / "deep" / "file").touch(0o644)
    (folder / "link").symlink_to(outside)
    restrict_tree(folder)
    assert _is_private(folder / "deep")
    assert _is_private(folder / "deep" / "file")
    assert outside.stat().st_mode & 0o777 == 0o644
