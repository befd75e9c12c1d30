"""The rules of every image, whatever is in it. A part inherits them by being one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from codeopen.images.verify import configuration, files, privileges, running
from codeopen.images.verify.container import Container
from codeopen.images.verify.evidence import Evidence
from codeopen.images.verify.results import Result, Rule, apply_rule

IMAGE: Final = "image"

RULES: Final[tuple[Rule[Evidence], ...]] = (
    Rule("user", configuration.user_is_developer),
    Rule("accounts", files.accounts_are_the_catalogs),
    Rule("home", files.home_is_empty),
    Rule("privileges", privileges.nothing_becomes_another_user),
    Rule("permissions", files.only_the_home_can_be_written),
    Rule("caches", files.no_cache_in_a_layer),
    Rule("secrets-in-files", files.no_secret_in_a_layer),
    Rule("secrets-in-configuration", configuration.no_secret_in_the_configuration),
    Rule("byte-code", files.byte_code_depends_on_no_time),
    Rule("time-zone", files.clock_is_in_utc),
    Rule("environment", configuration.environment_is_the_catalogs),
    Rule("ports", configuration.ports_are_the_catalogs),
    Rule("labels", configuration.labels_say_what_it_is),
    Rule("health-check", files.health_check_is_the_catalogs),
    Rule("start", configuration.starts_as_the_base_does),
)
RUNNING_RULES: Final[tuple[Rule[Container], ...]] = (
    Rule("command-override", running.command_runs_as_the_user),
    Rule("package-database", running.package_database_is_whole),
    Rule("time-zone-variable", running.time_zone_variable_is_honoured),
    Rule("back-off", running.failing_services_wait_longer_each_time),
)


def check_evidence(evidence: Evidence) -> Iterator[Result]:
    """Apply the rules to what was found in an image."""
    return (apply_rule(IMAGE, rule, evidence) for rule in RULES)


def check_running(container: Container) -> Iterator[Result]:
    """Apply the rules that need a container of the image; it runs another command than the image's."""
    return (apply_rule(IMAGE, rule, container) for rule in RUNNING_RULES)
