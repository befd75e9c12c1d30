"""What must hold between the catalog's entries and files: each invariant one small function, all listed here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from codeopen.errors import Problem
from codeopen.model.catalog.checks import (
    combinations,
    contents,
    images,
    machines,
    ordering,
    platforms,
    references,
    relations,
    sharing,
)
from codeopen.model.catalog.draft import Draft

CHECKS: Final[tuple[Callable[[Draft], Iterator[Problem]], ...]] = (
    references.parts_name_known_upstreams,
    references.flavors_take_known_flavors,
    references.substitutes_name_known_upstreams,
    references.substitutes_name_known_checks,
    references.addons_name_known_tiers,
    references.addons_name_known_addons,
    references.popular_names_known_parts,
    references.legacy_names_known_entries,
    references.upstreams_are_used,
    ordering.one_tier_is_default,
    ordering.one_flavor_is_default,
    ordering.orders_are_unique,
    ordering.reservations_fit_limits,
    images.suffixes_are_unique,
    images.suffixes_are_no_flavors,
    images.flavors_are_not_the_base,
    images.flavors_are_no_addons,
    images.names_are_unambiguous,
    platforms.base_has_every_platform,
    platforms.parts_have_their_pins,
    platforms.taken_flavors_have_the_platforms,
    platforms.parts_say_why_not,
    platforms.upstreams_say_why_not,
    platforms.parts_without_a_platform_are_not_built_for_it,
    platforms.files_of_one_architecture_say_so,
    sharing.host_offsets_are_unique,
    sharing.port_names_are_unique,
    sharing.ports_do_not_clash,
    sharing.env_does_not_clash,
    sharing.env_agrees_with_ports,
    relations.addons_do_not_need_themselves,
    relations.flavors_do_not_take_from_themselves,
    relations.taken_flavors_can_be_built,
    relations.needed_addons_can_be_selected,
    relations.needed_addons_go_together,
    relations.incompatibility_is_mutual,
    combinations.popular_is_possible,
    combinations.popular_is_unique,
    combinations.legacy_is_possible,
    contents.check_names_are_unique,
    contents.check_ports_exist,
    contents.check_credentials_are_the_ports,
    contents.regular_expressions_compile,
    contents.image_references_name_their_version,
    contents.file_references_name_their_version,
    contents.accounts_are_unique,
    machines.machines_name_known_models,
    machines.accelerators_name_known_models,
    machines.machines_with_gpus_say_which,
    machines.machines_can_be_nodes,
)
