from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeopen.model.catalog.model import Catalog, Status
from codeopen.model.quantity import Cpu, Memory
from codeopen.model.selection.name import Release
from codeopen.model.selection.resolve import resolve
from codeopen.model.selection.selection import ReasonCode, Refusal, Resolution, Selection
from tests.unit.catalogs import ARM64, make_addon, make_base, make_catalog, spec_addons, spec_flavors, spec_tiers

CATALOG = make_catalog()
RELEASE = Release("localhost:5000", "codeopen", "0.0.2")
ADDONS = ("gui", "code-server", "databases", "cloud", "gpu")


def resolved(tier: str, flavor: str, *addons: str, catalog: Catalog = CATALOG) -> Resolution:
    outcome = resolve(catalog, Selection(tier, flavor, addons), RELEASE)
    assert isinstance(outcome, Resolution), outcome
    return outcome


def refused(
    tier: str, flavor: str, *addons: str, catalog: Catalog = CATALOG, platform: str = "linux/amd64"
) -> dict[str, str]:
    outcome = resolve(catalog, Selection(tier, flavor, addons), RELEASE, platform)
    assert isinstance(outcome, Refusal), outcome
    return {reason.code.value: f"{reason.message}; {reason.fix}" for reason in outcome.reasons}


def changed(addon_id: str, **fields: object) -> Catalog:
    addons: Iterable = (replace(a, **fields) if a.id == addon_id else a for a in spec_addons())  # type: ignore[type-arg, arg-type]  # fields are each test's own
    return make_catalog(addons=addons)


def test_the_example_of_the_specification() -> None:
    resources = resolved("builder", "js", "gui").resources
    assert (str(resources.cpu), str(resources.memory)) == ("4", "8Gi")


@pytest.mark.parametrize(("tier", "memory"), [("starter", "2560Mi"), ("builder", "4608Mi")])
def test_memory_is_exact(tier: str, memory: str) -> None:
    assert str(resolved(tier, "js", "cloud").resources.memory) == memory


@given(
    st.sampled_from(["creator", "power"]), st.sampled_from(sorted(CATALOG.flavors)), st.permutations(ADDONS), st.data()
)
def test_totals_are_the_sums_of_the_parts(tier_id: str, flavor: str, order: list[str], data: st.DataObject) -> None:
    addons = order[: data.draw(st.integers(0, len(order)))]
    outcome = resolved(tier_id, flavor, *addons)
    tier, records = CATALOG.tiers[tier_id], [CATALOG.addons[addon] for addon in addons]
    extra = sum(record.extra_memory.bytes for record in records)
    assert outcome.resources.cpu.millicores == tier.cpu_limit.millicores + sum(r.extra_cpu.millicores for r in records)
    assert outcome.resources.memory.bytes == tier.memory_limit.bytes + extra
    assert outcome.resources.memory_reservation.bytes == tier.memory_reservation.bytes + extra
    assert outcome.resources.memory_reservation <= outcome.resources.memory
    assert outcome.resources.storage_gb == tier.storage_gb
    assert outcome.resources.gpus == ("gpu" in addons)
    assert outcome.monthly_price_cents == tier.monthly_price_cents + sum(r.monthly_price_cents for r in records)
    assert outcome == resolved(tier_id, flavor, *sorted(addons)), "the order of selection must not matter"


def test_ports_and_environment_are_those_of_the_base_and_the_addons() -> None:
    outcome = resolved("power", "js", "code-server", "gui")
    assert [port.port for port in outcome.ports] == [4096, 4097, 6080, 8080]
    assert dict(outcome.env) == {
        "OPENCODE_PORT": "4096",
        "ACP_GATEWAY_PORT": "4097",
        "DISPLAY": ":1",
        "CODEOPEN_TIER_MEMORY_BYTES": str(16 * 1024**3),
    }
    assert list(outcome.env) == sorted(outcome.env)
    assert outcome.addons == ("gui", "code-server"), "layer order"


def test_the_memory_that_agents_may_fill_is_the_tiers_whatever_the_addons_bring() -> None:
    for addons in ((), ("gui",), ("gui", "code-server", "databases")):
        outcome = resolved("builder", "js", *addons)
        assert outcome.env["CODEOPEN_TIER_MEMORY_BYTES"] == str(4 * 1024**3), addons
        assert (outcome.resources.memory.bytes > 4 * 1024**3) == bool(addons)


def test_the_reservation_never_exceeds_the_limit() -> None:
    generous = replace(spec_tiers()[0], memory_reservation=Memory.parse("3Gi"))
    assert (
        str(resolved("starter", "js", "cloud", catalog=make_catalog(tiers=[generous])).resources.memory_reservation)
        == "2560Mi"
    )


def test_unknown_names_come_with_the_closest_valid_one() -> None:
    reasons = refused("bulider", "pyton", "guy")
    assert set(reasons) == {"unknown-tier", "unknown-flavor", "unknown-addon"}
    for code, name in (("unknown-tier", "builder"), ("unknown-flavor", "python"), ("unknown-addon", "gui")):
        assert f"did you mean {name!r}?" in reasons[code]
    assert "use one of: starter, builder, creator, power" in refused("zzzz", "js")["unknown-tier"]


def test_duplicates_are_counted() -> None:
    assert refused("builder", "js", "gui", "gui", "gui") == {
        "duplicate-addon": "add-on 'gui' is selected 3 times; select it once"
    }


def test_incompatible_addons_are_named_as_a_pair() -> None:
    reasons = refused("builder", "js", "gui", "cloud", catalog=changed("cloud", incompatible_with=("gui",)))
    assert reasons == {
        "incompatible-addons": "add-ons 'gui' and 'cloud' can't be in one image; leave out one of the two"
    }


def test_a_tier_too_low_says_which_would_do() -> None:
    assert refused("builder", "python", "gpu") == {
        "tier-too-low": "add-on 'gpu' needs tier 'creator' or higher, not 'builder'; "
        "use one of the tiers: creator, power; the cheapest change is 'creator', +$15.00 a month"
    }
    assert resolved("creator", "python", "gpu").resources.gpus == 1
    assert resolved("power", "python", "gpu").resources.gpus == 1


def test_tiers_are_ranked_by_what_they_give_not_by_where_they_are_displayed() -> None:
    catalog = make_catalog(tiers=[replace(tier, sort_order=-tier.sort_order) for tier in reversed(spec_tiers())])
    assert set(refused("starter", "python", "gpu", catalog=catalog)) == {"tier-too-low"}
    assert resolved("power", "python", "gpu", catalog=catalog).resources.cpu == Cpu(8000)


def test_a_required_addon_that_is_missing_is_named() -> None:
    catalog = changed("gui", requires_addons=("cloud", "databases"))
    assert "needs add-on 'databases'" in refused("power", "js", "gui", "cloud", catalog=catalog)["missing-addon"]
    assert resolved("power", "js", "gui", "cloud", "databases", catalog=catalog)


def test_planned_parts_are_refused() -> None:
    assert "'mobile' is planned" in refused("builder", "js", "mobile")["planned"]
    flavors = (replace(f, status=Status.PLANNED) if f.id == "rust" else f for f in spec_flavors())
    reasons = refused("builder", "rust", catalog=make_catalog(flavors=flavors))
    assert reasons["planned"].endswith("use one of: js, python, go, fullstack, polyglot")


def test_a_platform_that_a_part_lacks_is_refused() -> None:
    base = replace(make_base(), platforms=("linux/amd64", ARM64))
    flavors = tuple(replace(flavor, platforms=(ARM64, "linux/amd64")) for flavor in spec_flavors())
    catalog = make_catalog(base=base, flavors=flavors)
    assert resolved("builder", "js", catalog=catalog).platforms == ("linux/amd64", ARM64)
    assert refused("builder", "js", "gui", "cloud", catalog=catalog, platform=ARM64) == {
        "platform": "not built for platform 'linux/arm64': add-on 'gui', add-on 'cloud'; use one of: linux/amd64"
    }
    mistyped = refused("builder", "js", platform="linux/amr64", catalog=catalog)["platform"]
    assert mistyped.startswith("there is no platform 'linux/amr64'; did you mean 'linux/arm64'? Valid are: ")
    only_arm = make_catalog(
        base=base, flavors=flavors, addons=[replace(make_addon("npu"), platforms=("linux/riscv64",))]
    )
    assert "leave some out" in refused("builder", "js", "npu", catalog=only_arm)["platform"]


def lacking(**not_for: str) -> Catalog:
    """Add-ons gui and cloud and flavor js for amd64 only, with their reasons or those of the upstream of all three."""
    own = {name: {ARM64: why} for name, why in not_for.items()}
    catalog = make_catalog(
        base=replace(make_base(), platforms=("linux/amd64", ARM64)),
        flavors=[replace(flavor, not_for=own.get(flavor.id, {})) for flavor in spec_flavors()],
        addons=[replace(addon, not_for=own.get(addon.id, {})) for addon in spec_addons()],
    )
    packages = replace(catalog.upstreams["packages"], not_for=own.get("packages", {}))
    return replace(catalog, upstreams={**catalog.upstreams, "packages": packages})


@pytest.mark.parametrize(
    ("not_for", "told"),
    [
        ({"gui": "no X server"}, "flavor 'js', add-on 'gui' (no X server)"),
        ({"packages": "no archive"}, "flavor 'js' (no archive), add-on 'gui' (no archive)"),
        ({"packages": "no archive", "js": "no js"}, "flavor 'js' (no js; no archive), add-on 'gui' (no archive)"),
    ],
)
def test_a_platform_is_refused_with_the_reason_of_each_part(not_for: dict[str, str], told: str) -> None:
    reason = refused("builder", "js", "gui", catalog=lacking(**not_for), platform=ARM64)["platform"]
    assert reason == f"not built for platform 'linux/arm64': {told}; use one of: linux/amd64"


def test_what_a_flavor_takes_from_is_a_reason_too() -> None:
    catalog = lacking(js="no js")
    fullstack = replace(catalog.flavors["fullstack"], takes=("js",))
    catalog = replace(catalog, flavors={**catalog.flavors, "fullstack": fullstack})
    assert "flavor 'fullstack' (no js)" in refused("builder", "fullstack", catalog=catalog, platform=ARM64)["platform"]


def test_all_reasons_come_at_once() -> None:
    catalog = changed("gui", incompatible_with=("gpu",), requires_addons=("cloud",))
    outcome = resolve(
        catalog,
        Selection("starter", "perl", ("gpu", "gui", "gui", "jvm", "nope")),
        Release("", "codeopen", "0.0.2"),
        ARM64,
    )
    assert isinstance(outcome, Refusal)
    assert {reason.code for reason in outcome.reasons} == set(ReasonCode) - {ReasonCode.UNKNOWN_TIER}
