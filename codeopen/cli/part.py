"""``codeopen part test``, ``part clean`` and ``addon test``: see ``codeopen.authoring.part_test``.

JSON of ``test``: ``passed``, ``parts``: rows of ``part``, ``specified_mb`` (or null), ``unpacked_bytes``,
``compressed_bytes`` (null when it was not built), ``work``, ``build_seconds``, ``checks`` (``part``, ``name``,
``passed``, ``seconds``, ``detail``), ``substitutes`` and ``left_out`` (texts by name); ``not_buildable``: rows of
``name`` and ``reason``; ``peak_disk_bytes``; ``exceeded``: what takes more than it may, in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from codeopen.authoring.part_test.report import GIGABYTE, MEGABYTE, PartTrial, TrialReport, as_data
from codeopen.authoring.part_test.run import TrialLimits, try_all
from codeopen.authoring.part_test.target import find_targets
from codeopen.authoring.part_test.trial_stack import TrialStack, open_trial
from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.deploy import progress
from codeopen.cli.table import render_table
from codeopen.errors import NoSuchEntryError
from codeopen.model.plan.parts import PartId, PartKind
from codeopen.model.selection.closest import closest

_HEADER: Final = ("PART", "SPEC", "UNPACKED", "COMPRESSED", "BUILD", "CHECKS")


def test(invocation: Invocation) -> Outcome:
    """Try the parts that are named, or all."""
    return _try(invocation, _open(invocation), invocation.options.names)


def test_addon(invocation: Invocation) -> Outcome:
    """Try one add-on. Raises NoSuchEntryError for an id that is none."""
    stack, addon = _open(invocation), invocation.options.addon
    if addon not in stack.catalog.addons:
        raise NoSuchEntryError(
            f"add-on {addon!r}: the catalog has none of that id; {closest(addon, stack.catalog.addons)}"
        )
    return _try(invocation, stack, [str(PartId(PartKind.ADDON, addon))])


def clean(invocation: Invocation) -> Outcome:
    """Remove the trial's registry and its stack."""
    stack = _open(invocation)
    stack.remove(progress())
    if invocation.format == "json":
        return Outcome(render_json({"removed": stack.name}))
    return Outcome(f"removed stack {stack.name} with its registry\n")


def render(report: TrialReport) -> str:
    """The report for people: a table, then what stands in, what was left out and what failed."""
    text = render_table(_HEADER, [_row(trial) for trial in report.trials]) if report.trials else ""
    for title, lines in (
        ("Stands in for an upstream", _substitutes(report.trials)),
        ("Left out", _left_out(report.trials)),
        ("Can't be built", [f"{untried.name} {untried.reason}" for untried in report.untried]),
        ("Failed", list(_failures(report.trials))),
        ("Too large", report.exceeded),
    ):
        if lines:
            text += f"\n{title}:\n" + "".join(f"  {line}\n" for line in lines)
    return f"{text}\nThe disks' use rose by {report.peak_disk_bytes / GIGABYTE:.1f} GB at most.\n"


def _open(invocation: Invocation) -> TrialStack:
    return open_trial(invocation.options.stack, checkout_of(invocation.catalog).resolve())


def _try(invocation: Invocation, stack: TrialStack, names: Sequence[str]) -> Outcome:
    targets = find_targets(stack.catalog, stack.plan, names)
    limits = TrialLimits(invocation.options.cache, invocation.options.keep)
    report = try_all(stack, targets, limits, progress())
    # Somebody who names a part wants it; without names, planned parts are no failure.
    code = 0 if report.passed and not (names and report.untried) else 1
    return Outcome(render_json(as_data(report)) if invocation.format == "json" else render(report), code=code)


def _row(trial: PartTrial) -> tuple[str, ...]:
    return (
        trial.name,
        f"{trial.specified_mb} MB" if trial.specified_mb is not None else "-",
        _megabytes(trial.unpacked_bytes),
        _megabytes(trial.compressed_bytes),
        f"{trial.build_seconds} s" if trial.work == "built" else trial.work or "failed",
        f"{len(trial.results) - len(trial.failed)}/{len(trial.results)}",
    )


def _megabytes(size: int | None) -> str:
    return f"{size / MEGABYTE:.0f} MB" if size is not None else "-"


def _substitutes(trials: Sequence[PartTrial]) -> list[str]:
    """The notes, each once, with the parts that they are about."""
    notes = {name: note for trial in trials for name, note in trial.substitutes.items()}
    return [f"{name} ({_users(trials, name)}): {note}" for name, note in notes.items()]


def _users(trials: Sequence[PartTrial], upstream: str) -> str:
    return ", ".join(trial.name for trial in trials if upstream in trial.substitutes)


def _left_out(trials: Sequence[PartTrial]) -> list[str]:
    return [f"{trial.name}: check {check}, {reason}" for trial in trials for check, reason in trial.left_out.items()]


def _failures(trials: Sequence[PartTrial]) -> Iterator[str]:
    for trial in trials:
        for result in trial.failed:
            yield f"{trial.name}: {result.part} {result.name}"
            yield from (f"  {line}" for line in result.detail.splitlines())
