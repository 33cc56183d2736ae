r"""How many people a trial needs, from a pilot's two visits or from stated numbers.

The untreated arm changes as the pilot's people did, mean :math:`\mu` and standard deviation :math:`\sigma`; a treatment prevents a
share of the mean change. Power by noncentral t and by simulation; beside the number for the estimated SD stand the number for its
upper limit and the assurance, because an SD from a few people is not known well.

*Assumes* normal changes of one spread in both arms; people who leave are not used. *Breaks* where the treatment works only later, or
on some of the people; where healthy people change as well, so that not all of the change could be prevented.
"""

from __future__ import annotations

from neuromyo.core.analysis import Analysis, Table
from neuromyo.core.cohort import Cohort
from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.study import power_said, power_tables
from neuromyo.study.power_endpoints import Endpoint, from_pilot, stated
from neuromyo.study.power_options import Options, refuse_impossible
from neuromyo.study.power_sizes import sized, together

__all__ = ["TITLE", "Options", "analyse"]
TITLE = "People that a trial needs"
_USUAL = Options()


def analyse(cohort: Cohort | None, options: Options = _USUAL) -> Analysis:
    """The trial with each endpoint, and with several where asked; ``cohort``: the pilot; None, or one without rows,
    where a change is stated.

    Raises E-OPTION for an impossible plan, E-STUDY where nothing tells how much people change, E-PEOPLE for too small a pilot,
    E-UNKNOWN for a name that is not there.
    """
    refuse_impossible(options)
    cohort = cohort if cohort is not None and len(cohort) else None
    plain, enriched, findings = _endpoints(cohort, options)
    found = [sized(one, options) for one in (*plain, *enriched)]
    goal = [s for s in found if s.endpoint in (enriched or plain) and s.endpoint.who != "stated"]
    both = together([s.endpoint for s in goal], options) if options.endpoints != "each" else None
    curves, points = power_tables.curves(found, options)
    tables: list[Table] = [power_tables.sizes_table(found, options), power_tables.basis_table(found, options), points]
    tables += [power_tables.together_table(both, goal, options)] if both else []
    tables += [power_tables.pilot_table(plain)] if any(e.people for e in plain) else []
    findings += power_said.findings(found, options)
    return Analysis(
        "power",
        TITLE,
        power_said.summary(found, both, options),
        tuple(tables),
        (curves, power_tables.forest(found, options)),
        power_said.methods(options, cohort is not None),
        tuple(findings),
        any(f.code == "W-EXPLORATORY" for f in findings),
    )


def _endpoints(
    cohort: Cohort | None, options: Options
) -> tuple[tuple[Endpoint, ...], tuple[Endpoint, ...], list[Finding]]:
    """(endpoints of everybody and the stated one, endpoints of people chosen, findings)."""
    plain, enriched, findings = from_pilot(cohort, options) if cohort is not None else ((), (), [])
    if cohort is None and (options.enrich or options.endpoints != "each"):
        raise OptionError(
            "E-OPTION",
            where=f"option {'enrich' if options.enrich else 'endpoints'}",
            needed="a pilot study's two visits",
            found="stated numbers alone",
            remedy="give the pilot's tables, or leave the option out",
        )
    if options.endpoints != "each" and len(plain) < 2:
        raise OptionError(
            "E-OPTION",
            where="option endpoints",
            needed="at least two endpoints",
            found=str(len(plain)),
            remedy="name two variables or more, or say each",
        )
    if options.stated:
        plain = (*plain, stated(options))
    if not plain:
        raise DataError(
            "E-STUDY",
            where="power",
            needed="a pilot study's two visits, or a stated change",
            found="neither",
            remedy="give the pilot's tables, or --srm, or --mean-change and --sd-change",
        )
    return plain, enriched, findings
