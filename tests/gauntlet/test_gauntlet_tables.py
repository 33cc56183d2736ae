"""G35 to G38: people, visits and clinical tables that cannot be right. The images of everybody are measured all the same."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.gauntlet.driving import neuromyo, results, write_study
from tests.gauntlet.making import digests
from tests.gauntlet.spoiling import ASK

pytestmark = pytest.mark.gauntlet


def rows(*lines: str, ending: str = "\n") -> str:
    return ending.join("\t".join(line.split()) for line in lines) + ending


def people(*lines: str, **units: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / "participants.tsv").write_text(rows("participant_id age sex height weight bmi", *lines))
        said = {"height": {"Units": "m"}, "weight": {"Units": "kg"}} | {k: {"Units": v} for k, v in units.items()}
        (root / "participants.json").write_text(json.dumps(said))

    return change


def raw(data: bytes) -> Callable[[Path], None]:
    return lambda root: (root / "participants.tsv").write_bytes(data) and None


def visits(first: str, second: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        text = rows("session_id acq_time", f"ses-baseline {first}", f"ses-followup {second}")
        (root / "sub-bad" / "sub-bad_sessions.tsv").write_text(text)

    return change


GOOD = "sub-good 50 F 1.70 60 20.8"
SOUND = rows("participant_id age", "sub-bad 60", "sub-good 50")


@dataclass(frozen=True)
class Case:
    """What is wrong, the code, and words of where, of what was found and of the remedy."""

    name: str
    spoil: Callable[[Path], None]
    code: str
    where: str
    said: str


CASES = [
    Case("G35-case", people("sub-BAD 60 M 1.8 80 n/a", GOOD), "E-ID", "sub-BAD", "probably sub-bad"),
    Case("G35-prefix", people("sub-bad 60 M 1.8 80 n/a", "sub-Good 50 F 1.70 60 n/a"), "E-ID", "sub-Good", "sub-good"),
    Case("G35-twice", people("sub-bad 60 M 1.8 80 n/a", GOOD, "sub-bad 34 F 1.6 50 n/a"), "E-ID", "row 4", "two labels"),
    Case("G35-no-label", people("bad 60 M 1.8 80 n/a", GOOD), "E-ID", "row 2, column participant_id", "sub-<label>"),
    Case("G36-before", visits("1925-05-01T10:00:00", "1925-01-01T10:00:00"), "E-DATE", "row 3, column acq_time", "after"),
    Case("G36-same", visits("1925-05-01", "1925-05-01"), "E-DATE", "row 3, column acq_time", "same date"),
    Case("G36-words", visits("May", "1925-05-01"), "E-DATE", "row 2, column acq_time", "year-month-day"),
    Case("G37-nan-sex", people("sub-bad 60 NaN 1.8 80 n/a", GOOD), "E-TABLE", "row 2, column sex", "n/a"),
    Case("G37-nan-age", people("sub-bad NaN M 1.8 80 n/a", GOOD), "E-TABLE", "row 2, column age", "n/a"),
    Case("G37-age-620", people("sub-bad 620 M 1.8 80 n/a", GOOD), "E-TABLE", "row 2, column age", "0 to 120"),
    Case("G37-cm-as-m", people("sub-bad 60 M 175 80 n/a", GOOD), "E-UNITS", "row 2, column height", "write 1.75"),
    Case("G37-m-as-cm", people("sub-bad 60 M 1.75 80 n/a", "sub-good 50 F 170 60 n/a", height="cm"), "E-UNITS",
         "row 2, column height", "write 175"),
    Case("G37-pounds", people("sub-bad 60 M 1.80 176 24.7", GOOD), "E-UNITS", "row 2, column bmi", "pounds"),
    Case("G37-bmi-lb", people("sub-bad 60 M 1.80 80 54.4", GOOD), "E-UNITS", "row 2, column bmi", "pounds"),
    Case("G37-decimal-comma", people("sub-bad 60,5 M 1.80 80 n/a", GOOD), "E-TABLE", "row 2, column age", "60.5"),
    Case("G37-utf16", raw(SOUND.encode("utf-16")), "E-TABLE", "participants.tsv", "UTF-8"),
    Case("G37-nul", raw(SOUND.encode().replace(b"60", b"\x000")), "E-TABLE", "row 2, column 2", "UTF-8"),
    Case("G37-ragged", raw(SOUND.encode() + b"sub-x\t1\t2\n"), "E-TABLE", "row 4", "mend that row"),
    Case("G37-commas", raw(SOUND.replace("\t", ",").encode()), "E-TABLE", "row 1", "participant_id"),
]  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("tables") / "bids")


@pytest.fixture
def spoiled(study, tmp_path):
    import shutil

    return Path(shutil.copytree(study, tmp_path / "bids"))


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_check_names_row_column_and_remedy(case, spoiled):
    case.spoil(spoiled)
    before = digests(spoiled)
    said = neuromyo("check", spoiled, "--biomarkers", "t2-mono")
    stops = [f for s in said.json["sessions"] for f in s["findings"] if f["level"] == "stop"]
    assert [f["code"] for f in stops] == [case.code], stops
    assert case.where in stops[0]["where"] and case.said in stops[0]["message"] + stops[0]["remedy"], stops
    assert said.status == 2 and digests(spoiled) == before


@pytest.mark.parametrize("data", [SOUND.encode(), b"\xef\xbb\xbf" + SOUND.encode(), SOUND.replace("\n", "\r\n").encode()],
                         ids=["plain", "byte-order-mark", "windows"])  # fmt: skip
def test_g37_what_does_no_harm(data, spoiled):
    raw(data)(spoiled)
    said = neuromyo("check", spoiled, "--biomarkers", "t2-mono")
    assert said.status == 0 and not [f for s in said.json["sessions"] for f in s["findings"] if f["level"] == "stop"]


def test_g35_without_images_and_without_row(spoiled):
    people(GOOD, "sub-new 44 F 1.6 50 n/a")(spoiled)
    said = neuromyo("check", spoiled, "--biomarkers", "t2-mono")
    found = {
        (f["level"], f["code"]) for s in said.json["sessions"] for f in s["findings"] if "participants" in f["where"]
    }
    assert found == {("note", "N-NOIMAGES"), ("warn", "W-NOROW")} and said.status == 0


def test_one_bad_row_and_everybody_is_measured(study, spoiled, tmp_path):
    people("sub-bad 620 M 1.8 80 n/a", GOOD)(spoiled)
    plain = neuromyo("run", study, tmp_path / "plain", "participant", *ASK)
    said = neuromyo("run", spoiled, tmp_path / "out", "participant", *ASK)
    assert plain.status == 0 and said.status == 2
    assert [(f["session"], f["code"]) for f in said.json["failures"]] == [("dataset", "E-TABLE")]
    (failure,) = said.json["failures"]
    assert "participants.tsv: row 2, column age: needed 0 to 120 years, found 620" in failure["message"]
    assert "E-TABLE" in said.err
    record = json.loads((tmp_path / "out" / "record" / "run.json").read_text())
    assert record["failures"][0]["code"] == "E-TABLE"
    for subject in ("bad", "good"):
        ours, theirs = ({n: d for n, d in results(tmp_path / x, subject).items() if n.endswith((".nii.gz", ".tsv"))}
                        for x in ("out", "plain"))  # fmt: skip
        assert ours and ours == theirs


def test_g38_formulas_are_disarmed_on_the_way_out(spoiled, tmp_path):
    cells = ['"=HYPERLINK(""http://x"")"', "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "-1.5"]
    table = tmp_path / "disease.csv"
    table.write_text("participant_id,session_id,diagnosis\n" + "".join(f"good,v{i},{c}\n" for i, c in enumerate(cells)))
    assert neuromyo("phenotype", spoiled, table).status == 0
    texts = [(spoiled / f"phenotype/disease_ses-v{i}.tsv").read_text().splitlines()[1].split("\t")[2] for i in range(5)]
    assert [t[0] for t in texts[:4]] == ["'"] * 4 and texts[4] == "-1.5"


@pytest.mark.parametrize(
    ("data", "code", "where"),
    [
        (b"participant_id,left_grip (kg)\ngood,31,5\n", "E-TABLE", "row 2"),
        (b"participant_id;left_grip (kg)\ngood;31,5\n", "E-TABLE", "row 2, column left_grip (kg)"),
        ("participant_id,left_grip (kg)\ngood,31\n".encode("utf-16"), "E-TABLE", "grip.csv"),
        (b"participant_id,left_grip (kg)\ngood,3\x001\n", "E-TABLE", "row 2, column 2"),
        (b"participant_id,left_grip (kg)\ngood,\xb531\n", "E-TABLE", "row 2, column 2"),
        (b"participant_id,left_grip (kg)\ngood,3100\n", "E-TABLE", "row 2, column left_grip (kg)"),
        (b"participant_id,left_grip\ngood,31\n", "E-UNITS", "row 1, column left_grip"),
        (b"participant_id,left_grip (kg)\nGOOD,31\n", "E-ID", "row 2, column participant_id"),
        (b"participant_id,e-mail,left_grip (kg)\ngood,a@b.org,31\n", "E-PHI", "column e-mail"),
        (b"participant_id,left_grip (kg)\n" + b'"' * 200_000, "E-TABLE", "grip.csv"),
        (b"PK\x03\x04", "E-FORMAT", "grip.csv"),
        (b"", "E-TABLE", "grip.csv"),
    ],
)
def test_clinical_tables_that_cannot_be_taken(data, code, where, spoiled, tmp_path):
    table = tmp_path / "grip.csv"
    table.write_bytes(data)
    before = digests(spoiled)
    said = neuromyo("phenotype", spoiled, table)
    assert said.status == (4 if code == "E-PHI" else 2), said.err
    assert [f["code"] for f in said.json["findings"]] == [code] and where in said.json["findings"][0]["where"]
    assert said.json["findings"][0]["remedy"] and digests(spoiled) == before and "a@b.org" not in said.err


@pytest.mark.parametrize("name", ["participants.tsv", "phenotype/grip.tsv", "sub-bad/sub-bad_sessions.tsv"])
def test_a_table_that_is_no_file(name, spoiled):
    import os

    (spoiled / name).parent.mkdir(exist_ok=True)
    os.mkfifo(spoiled / name)
    said = neuromyo("check", spoiled, "--biomarkers", "t2-mono")
    found = [f for one in said.json["sessions"] for f in one["findings"] if f["level"] == "stop"]
    assert [(f["code"], f["where"]) for f in found] == [("E-NOTREGULAR", name)] and said.status == 2
