"""Columns that tell who somebody is: never taken into a dataset, whatever they hold."""

from __future__ import annotations

import re
from collections.abc import Iterable

from neuromyo.core.errors import Finding
from neuromyo.io.files import printable
from neuromyo.io.sheet import stop

#: normalised column names, and what they stand for
_NAMES = {
    "a name": """name surname firstname lastname forename familyname givenname fullname patientname subjectname
        participantname initials maidenname mothername nachname vorname nom prenom apellido nombre""",
    "a date of birth": """dob birthdate dateofbirth birthday birth patientbirthdate geburtsdatum birthdateiso yearofbirth
        birthyear""",
    "a hospital's number": """mrn medicalrecordnumber medicalrecord hospitalnumber hospitalid patientid patientno
        patientnumber accessionnumber chartnumber casenumber nhsnumber nhs ssn socialsecuritynumber socialsecurity
        nationalid insurancenumber personalnumber passport cpr bsn uhid abha""",
    "an address": """address street streetaddress homeaddress city town postcode postalcode zip zipcode addressline1
        adresse""",
    "a way to reach somebody": """phone phonenumber telephone tel mobile mobilephone cell cellphone fax email emailaddress
        mail contact nextofkin""",
    "who treats somebody": "physician referringphysician doctor generalpractitioner",
}  # fmt: skip
_MEANS = {word: what for what, words in _NAMES.items() for word in words.split()}
_MAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]{2,}")
_PERSON_NAME = re.compile(r"[^\W\d_]+\^[^\W\d_]+")


def columns(names: Iterable[str], table: str) -> tuple[Finding, ...]:
    """E-PHI for every column whose name says that it identifies somebody; cells are not looked at."""
    found = []
    for name in names:
        what = _MEANS.get(re.sub(r"[^a-z0-9]", "", re.sub(r"[(\[].*", "", name.casefold())))
        if what:
            found.append(
                stop(
                    "E-PHI",
                    f"{table}: column {printable(name)}",
                    f"it holds {what}, which must not enter a dataset",
                    "remove the column; the study's own label of a person goes into participant_id",
                )
            )
    return tuple(found)


def already_in(names: Iterable[str], table: str) -> tuple[Finding, ...]:
    """The same of a table that is in the dataset already: a warning, since nothing is taken from such a column."""
    return tuple(Finding("warn", "W-PHI", f.where, f.message, "remove the column before the dataset is shared")
                 for f in columns(names, table))  # fmt: skip


def looks_personal(cell: str) -> str:
    """What in a free text tells who somebody is, in words; empty where nothing does that can be seen by its form."""
    if _MAIL.search(cell):
        return "an e-mail address"
    return "a name as scanners write it" if _PERSON_NAME.search(cell) else ""
