"""`cantaor bench`: answers come first, missing peers are named, noise is not called a change."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cantaor.bench.cases import STAGES, cases_of, run_stages
from cantaor.bench.records import Case, Peer, PeerResult, Result, Spread
from cantaor.bench.result_files import compare, read_results, write_results
from cantaor.bench.timing import Effort, exponent, measure, spread
from cantaor.errors import AnswersDifferError, ArgumentError
from cantaor.report.benchmark_tables import COLUMNS, chart, markdown_table, result_rows

SHORT = Effort(0.05, 2, 3)


def make(size: int) -> list[int]:
    return list(range(size))


def is_sum(data: list[int], answer: int) -> str:
    if answer != sum(data):
        raise AnswersDifferError(f"{answer} is not {sum(data)}")
    return "sum"


def same(_data: list[int], ours: int, theirs: int) -> str:
    if ours != theirs:
        raise AnswersDifferError(f"{theirs} is not {ours}")
    return "equal"


def slow_sum(data: list[int]) -> int:
    return sum(sum([value]) for value in data)


PEER = Peer("slow", (), "", "", slow_sum, same)
CASE = Case("toy", "add", "numbers", (1_000, 3_000, 10_000), make, sum, is_sum, (PEER,))


def result(median: float, ratio: float, width: float = 1.02) -> Result:
    seconds = Spread(median, median / width, median * width, 9)
    faster = Spread(ratio, ratio / width, ratio * width, 9)
    return Result("toy", "add", "numbers", 10, seconds, peers=(PeerResult("p", "1", None, faster),))


def test_a_case_is_timed_beside_its_peer() -> None:
    found = measure(CASE, SHORT)
    assert found.seconds is not None
    assert found.checked == "sum"
    assert found.peers[0].agreement == "equal"
    assert found.peers[0].times_faster is not None
    assert found.peers[0].times_faster.median > 2
    assert [size for size, _ in found.growth] == list(CASE.sizes)
    assert found.exponent == pytest.approx(1, abs=0.5)


def test_wrong_answers_are_not_timed() -> None:
    with pytest.raises(AnswersDifferError):
        measure(replace(CASE, run=len), SHORT)
    wrong = replace(PEER, run=lambda data: len(data))
    with pytest.raises(AnswersDifferError):
        measure(replace(CASE, peers=(wrong,)), SHORT)


def test_a_missing_peer_is_named_with_its_install_line() -> None:
    absent = Peer("absent", ("no_such_module",), "", "pip install absent", slow_sum, same)
    found = measure(replace(CASE, peers=(absent, PEER)), SHORT)
    assert found.peers[0].missing == "pip install absent"
    assert found.peers[1].times_faster is not None
    assert "missing: pip install absent" in result_rows([found])[0]


def test_a_stage_without_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cantaor.bench.cases.features", None)
    found = run_stages(["features"], SHORT)
    assert found[0].missing == "pip install 'cantaor[learn]'"
    assert "pip install" in result_rows(found)[0][1]


def test_every_stage_has_cases_over_a_decade_with_a_peer_or_a_reason() -> None:
    for stage in STAGES:
        for case in cases_of(stage):
            assert case.stage == stage
            assert case.sizes[-1] == 10 * case.sizes[0] or case.sizes[0] * 9.5 < case.sizes[-1]
            assert bool(case.peers) != bool(case.alone)
    with pytest.raises(ArgumentError, match="stage must be one of audio, pitch"):
        cases_of("nonsense")


def test_spread_and_exponent() -> None:
    assert spread([3.0]) == Spread(3.0, 3.0, 3.0, 1)
    assert exponent([(10, 1.0), (100, 100.0)]) == pytest.approx(2)


def test_noise_is_no_change_and_a_slow_down_is() -> None:
    assert compare([result(1.0, 5.0)], [result(1.05, 4.8)])[0].verdict == "same"
    assert compare([result(1.0, 5.0)], [result(1.5, 3.3)])[0].verdict == "slower"
    assert compare([result(1.5, 3.3)], [result(1.0, 5.0)])[0].verdict == "faster"
    assert compare([result(1.0, 5.0, 1.3)], [result(1.4, 3.6, 1.3)])[0].verdict == "same"


def test_another_machine_is_no_change_where_the_peer_slows_down_too() -> None:
    change = compare([result(1.0, 5.0)], [result(3.0, 5.0)])[0]
    assert (change.verdict, change.measure) == ("same", "beside p")
    alone = replace(result(3.0, 5.0), peers=())
    assert compare([result(1.0, 5.0)], [alone])[0].verdict == "slower"
    other = replace(result(1.0, 5.0), name="more")
    assert [c.verdict for c in compare([result(1.0, 5.0)], [other])] == ["new", "gone"]


def test_files_come_back_and_damaged_ones_are_named(tmp_path: Path) -> None:
    found = [measure(CASE, SHORT), Result("features", "not measured", missing="pip install x")]
    write_results(tmp_path / "a.json", found, "quick")
    assert read_results(tmp_path / "a.json") == found
    (tmp_path / "b.json").write_text('{"format": "other"}')
    with pytest.raises(ArgumentError, match=r"b\.json: format 'other' is not"):
        read_results(tmp_path / "b.json")
    with pytest.raises(ArgumentError, match=r"c\.json"):
        read_results(tmp_path / "c.json")


def test_table_and_chart(tmp_path: Path) -> None:
    found = [measure(CASE, SHORT)]
    lines = markdown_table(COLUMNS, result_rows(found)).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    chart(found).savefig(tmp_path / "chart.svg")
    assert (tmp_path / "chart.svg").read_text().lstrip().startswith("<?xml")


def test_the_command_measures_and_compares(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    done = cantaor("bench", "contour", "--quick", "--out", old, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["results"][0]["peers"][0]["times_faster"]["median"] > 0
    assert document["machine"]["cores"] >= 1
    assert cantaor("bench", "--compare", old, old).returncode == 0
    slower = json.loads(old.read_text())
    for name in ("median", "low", "high"):
        slower["results"][0]["peers"][0]["times_faster"][name] /= 3
    (tmp_path / "new.json").write_text(json.dumps(slower))
    done = cantaor("bench", "--compare", old, tmp_path / "new.json")
    assert done.returncode == 1
    assert "slower" in done.stdout


def cantaor(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cantaor", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_the_smallest_input_of_every_case_can_be_made() -> None:
    for stage in STAGES:
        for case in cases_of(stage):
            case.make(case.sizes[0])
