"""Amounts of CPU and memory: exact, one canonical form, nothing else accepted."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeopen.errors import QuantityError
from codeopen.model.quantity import Cpu, Memory

UNITS = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4}

cpus = st.builds(Cpu, st.integers(min_value=0, max_value=999_999_999))
memories = st.builds(
    lambda amount, unit: Memory(amount * unit),
    st.integers(min_value=0, max_value=1024),
    st.sampled_from(sorted(UNITS.values())),
)


@pytest.mark.parametrize(
    ("text", "millicores", "canonical"),
    [
        ("0", 0, "0"),
        ("1", 1000, "1"),
        ("2", 2000, "2"),
        ("1.5", 1500, "1500m"),
        ("1.50", 1500, "1500m"),
        ("0.001", 1, "1m"),
        ("0.1", 100, "100m"),
        ("2000m", 2000, "2"),
        ("999999", 999_999_000, "999999"),
    ],
)
def test_cpu(text: str, millicores: int, canonical: str) -> None:
    assert Cpu.parse(text) == Cpu(millicores)
    assert str(Cpu(millicores)) == canonical


@pytest.mark.parametrize(
    ("text", "size", "canonical"),
    [
        ("0", 0, "0"),
        ("0Gi", 0, "0"),
        ("512Mi", 512 * 1024**2, "512Mi"),
        ("2Gi", 2 * 1024**3, "2Gi"),
        ("2048Mi", 2 * 1024**3, "2Gi"),
        ("4608Mi", 4608 * 1024**2, "4608Mi"),
        ("1Ki", 1024, "1Ki"),
        ("1024Ti", 1024**5, "1024Ti"),
    ],
)
def test_memory(text: str, size: int, canonical: str) -> None:
    assert Memory.parse(text) == Memory(size)
    assert str(Memory(size)) == canonical


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "1\n", "-1", "+1", "01", "1.", ".5", "1.2345", "1e3", "1_0", "1,5", "1.5m", "m", "two", "1000000",
     "٢", "1M", "nan", "inf"],
)  # fmt: skip
def test_not_cpu(text: str) -> None:
    with pytest.raises(QuantityError, match="is not a CPU quantity: write"):
        Cpu.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "2", "2G", "2M", "2gi", "2GI", "2 Gi", "2Gi ", "2Gi\n", "-2Gi", "+2Gi", "02Gi", "1.5Gi", "Gi", "2GiB", "2Pi",
     "٢Gi", "1e3Mi", "00"],
)  # fmt: skip
def test_not_memory(text: str) -> None:
    with pytest.raises(QuantityError, match="is not a memory quantity: write"):
        Memory.parse(text)


@pytest.mark.parametrize("text", ["1025Ti", "999999999999Ti", "1048577Gi"])
def test_more_memory_than_any_machine_has(text: str) -> None:
    with pytest.raises(QuantityError, match="more memory than any machine has: write at most 1024Ti"):
        Memory.parse(text)


@given(cpus)
def test_cpu_round_trip(cpu: Cpu) -> None:
    assert Cpu.parse(str(cpu)) == cpu


@given(memories)
def test_memory_round_trip(memory: Memory) -> None:
    assert Memory.parse(str(memory)) == memory


@given(st.integers(min_value=0, max_value=999_999), st.integers(min_value=0, max_value=999))
def test_cpu_is_exact(cores: int, thousandths: int) -> None:
    text = f"{cores}.{thousandths:03}"
    assert Fraction(Cpu.parse(text).millicores, 1000) == Fraction(text)


@given(cpus, cpus)
def test_cpu_sums_never_round(one: Cpu, other: Cpu) -> None:
    assert (one + other).millicores == one.millicores + other.millicores
    assert one + other == other + one


@given(memories, memories)
def test_memory_sums_never_round(one: Memory, other: Memory) -> None:
    assert (one + other).bytes == one.bytes + other.bytes


@given(memories)
def test_memory_takes_the_largest_unit_that_is_whole(memory: Memory) -> None:
    text = str(memory)
    larger = [size for unit, size in UNITS.items() if memory.bytes and memory.bytes % size == 0]
    assert not larger or text == f"{memory.bytes // max(larger)}{text[-2:]}"


@given(st.text(alphabet="0123456789.mKMGTi -+e\n", max_size=8))
def test_a_text_is_a_quantity_of_its_own_value_or_refused(text: str) -> None:
    try:
        cpu = Cpu.parse(text)
    except QuantityError:
        return
    assert Fraction(cpu.millicores, 1000) == (Fraction(text[:-1]) / 1000 if text.endswith("m") else Fraction(text))


@given(cpus, cpus)
def test_order_is_by_amount(one: Cpu, other: Cpu) -> None:
    assert (one < other) == (one.millicores < other.millicores)
