from __future__ import annotations

from pathlib import Path

import pytest

from pybpf.cli.inputs import read_inputs


def test_a_folder_is_every_yaml_file_beneath_it_sorted(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("b.yaml", "a.yml", "inner/c.yaml", "notes.txt"):
        (tmp_path / name).write_text(name)
    inputs = read_inputs([str(tmp_path)])
    assert [each.text for each in inputs.sources] == ["a.yml", "b.yaml", "inner/c.yaml"]
    assert inputs.unreadable == ()


def test_a_file_asked_for_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a")
    assert len(read_inputs([str(tmp_path / "a.yaml"), str(tmp_path)]).sources) == 1


def test_every_path_that_cannot_be_read_is_named_with_its_errno(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("good")
    inputs = read_inputs([str(tmp_path / "one.yaml"), str(tmp_path / "good.yaml"), str(tmp_path / "two.yaml")])
    assert [each.text for each in inputs.sources] == ["good"]
    assert inputs.unreadable == tuple(f"{tmp_path / name}: ENOENT: No such file or directory" for name in ("one.yaml", "two.yaml"))


def test_one_unreadable_file_of_a_folder_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "b.yaml").write_text("b")
    inputs = read_inputs([str(tmp_path)])
    assert [each.text for each in inputs.sources] == ["b"]
    assert len(inputs.unreadable) == 1


def test_a_folder_without_policies_is_an_error(tmp_path: Path) -> None:
    assert read_inputs([str(tmp_path)]).unreadable == (f"{tmp_path}: ENOENT: no .yaml, .yml or .policy file in this folder",)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"ok\x80"])
def test_a_file_that_is_not_utf_8_is_unreadable(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    inputs = read_inputs([str(tmp_path / "a.yaml")])
    assert inputs.sources == ()
    assert "not UTF-8 at byte" in inputs.unreadable[0]
