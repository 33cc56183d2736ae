"""An examination: who lay in the scanner (invented), and the identifiers that its files share. The same every time."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

#: the root of identifiers made for examples; nobody's scanner
ROOT = "1.2.826.0.1.3680043.10.511"

DAY = "20240307"


@dataclass(frozen=True)
class Person:
    """Everything a header may say about a person and the people around; invented, and plain by default."""

    name: str = "Muster^Kim"
    identity: str = "P-0001"
    birth_date: str = "19710402"
    sex: str = "F"
    age: str = "052Y"
    height_m: str = "1.71"
    weight_kg: str = "68"
    other_identity: str = ""
    other_name: str = ""
    birth_name: str = ""
    mother: str = ""
    address: str = ""
    phone: str = ""
    occupation: str = ""
    history: str = ""
    comments: str = ""
    image_comments: str = ""
    ethnic: str = ""
    accession: str = ""
    study_identity: str = ""
    study_description: str = ""
    series_words: str = ""
    institution: str = ""
    institution_address: str = ""
    department: str = ""
    station: str = ""
    device_serial: str = ""
    referring: str = ""
    referring_phone: str = ""
    performing: str = ""
    reading: str = ""
    operator: str = ""
    requesting: str = ""
    requested: str = ""
    reason: str = ""
    scheduled: str = ""
    admission: str = ""
    visit_comments: str = ""
    private_text: str = ""
    private_nested: str = ""
    protocol_text: str = ""
    preamble: str = ""
    curve: str = ""
    file_name: str = ""
    folder_name: str = ""
    burned_in: bool = False

    @staticmethod
    def of_canaries(word: str = "Canary") -> Person:
        """A person whose every field holds a word of its own, to be looked for in all that is written."""
        coded = {"birth_date": "19340917", "sex": "O", "age": "089Y", "height_m": "1.2345", "weight_kg": "67.891"}
        said: dict = {}
        for number, one in enumerate(fields(Person)):
            if one.name in coded:
                said[one.name] = coded[one.name]
            elif one.name == "burned_in":
                said[one.name] = True
            else:
                said[one.name] = f"{word}{number:02d}{one.name.replace('_', '')[:4].upper()}"
        return Person(**{**said, "name": said["name"] + "^Given" + word})

    def words(self) -> dict[str, str]:
        """What no output may hold, by field: all that was filled in but the sex and the coded flag."""
        skip = {"sex", "burned_in", "age", "height_m", "weight_kg"}
        said = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in skip}
        parts = {f"name_{n}": piece for n, piece in enumerate(self.name.split("^"))}
        return {k: v for k, v in {**said, **parts}.items() if v and k != "name"}


@dataclass
class Examination:
    """One visit: its identifiers come from a counter, its clock from its series' numbers."""

    person: Person = field(default_factory=Person)
    visit: int = 1
    day: str = DAY
    _count: int = 0

    def uid(self) -> str:
        self._count += 1
        return f"{ROOT}.{self.visit}.{self._count}"

    @property
    def study_uid(self) -> str:
        return f"{ROOT}.{self.visit}.9000000"

    @property
    def frame_of_reference(self) -> str:
        return f"{ROOT}.{self.visit}.9000001"

    def series(self, number: int, words: str) -> Series:
        return Series(self, number, words)


@dataclass
class Series:
    """What the files of one series share; several scans may be written into one series (a localiser)."""

    exam: Examination
    number: int
    words: str
    instance: int = 0

    @property
    def uid(self) -> str:
        return f"{ROOT}.{self.exam.visit}.9100000.{self.number}"

    @property
    def description(self) -> str:
        return " ".join(word for word in (self.words, self.exam.person.series_words) if word)

    def next_instance(self) -> int:
        self.instance += 1
        return self.instance

    def clock(self, seconds: float = 0.0) -> str:
        """TM of this series, ten minutes after nine and two minutes a series (Philips counts series by the hundred)."""
        place = self.number // 100 if self.number > 100 else self.number
        total = 9 * 3600 + 600 + 120 * place + 20 * (self.number % 100 if self.number > 100 else 0) + seconds
        hours, rest = divmod(total, 3600)
        minutes, seconds = divmod(rest, 60)
        return f"{int(hours):02d}{int(minutes):02d}{seconds:09.6f}"
