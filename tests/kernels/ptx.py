"""Runs PTX on the CPU: the instructions that the kernels for Hopper GPUs write out, and no others.

The code is what inline assembly takes: results and operands are $0, $1, ... It is refused where ptxas would refuse it,
and where what it does is left undefined or would not stay within the arrays.
"""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

LANES, THREADS = 32, 128  # of a warp and of a warpgroup
_MOST_STEPS = 100_000  # of a warp: those who take more are in a loop without end
_TYPES = {"f": "f32", "r": "b32", "l": "b64"}  # of operands, by the letters of inline assembly
_POINTERS = {"global": "b64", "shared": "b32"}
_STORED = {"b32": np.uint32, "b64": np.uint64, "f32": np.float32, "pred": np.bool_}  # types that can be declared
# What instructions take registers as. 'packed' is two numbers of 16 bits, which have to be declared .b32.
_READ = _STORED | {"s32": np.int32, "u32": np.uint32, "u64": np.uint64, "packed": np.uint32}


class PtxError(ValueError):
    """The code is wrong."""


class Memory:
    """Arrays, which the code reads and changes, by their addresses."""

    def __init__(self, gpu: Mapping[int, np.ndarray] | None = None, shared: Mapping[int, np.ndarray] | None = None):
        given = {"global": gpu or {}, "shared": shared or {}}
        self._arrays = {space: [(at, _words(array)) for at, array in given[space].items()] for space in given}

    def find(self, space: str, addresses: np.ndarray, words: int) -> tuple[np.ndarray, np.ndarray]:
        """The array that holds so many words from each address on, and where in it they are."""
        if np.any(addresses % np.uint64(4 * words)):
            raise PtxError(f"misaligned: not a multiple of {4 * words} bytes")
        for start, array in self._arrays[space]:
            if start <= int(addresses.min()) and int(addresses.max()) + 4 * words <= start + array.nbytes:
                return array, (addresses - np.uint64(start)).astype(int)[:, None] // 4 + np.arange(words)
        raise PtxError(f"out of bounds of each array in {space} memory")


def _words(array: np.ndarray) -> np.ndarray:
    assert array.flags.c_contiguous
    return array.reshape(-1).view(np.uint32)


class _Place(NamedTuple):
    """Where lanes access memory; those that are not active do not."""

    memory: Memory
    space: str
    addresses: np.ndarray
    active: np.ndarray

    def load(self, words: int) -> list[np.ndarray]:
        loaded = np.full((LANES, words), 0xDEADBEEF, np.uint32)
        if self.active.any():
            array, at = self.memory.find(self.space, self.addresses[self.active], words)
            loaded[self.active] = array[at]
        return list(loaded.T.copy())

    def store(self, *values: np.ndarray) -> None:
        if self.active.any():
            array, at = self.memory.find(self.space, self.addresses[self.active], len(values))
            if len(np.unique(at)) < at.size:
                raise PtxError("several lanes store to one address")
            array[at] = np.stack([value.view(np.uint32) for value in values], axis=1)[self.active]


_ALL = np.arange(LANES)
_G, _Q = _ALL // 4, _ALL % 4
_NIBBLES = 4 * np.arange(4, dtype=np.uint32)


def _shifted(shift: Callable) -> Callable:
    return lambda x, by: np.where(by < 32, shift(x, by & 31), 0).astype(np.uint32)


def _bits(x: np.ndarray, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    if np.any(start + length > 32):
        raise PtxError("bits beyond a register")
    return (x >> start) & ((np.uint64(1) << length) - np.uint64(1)).astype(np.uint32)


def _floor(x: np.ndarray) -> np.ndarray:
    """Saturates; NaN becomes 0."""
    return np.nan_to_num(np.floor(x.astype(np.float64))).clip(-(2**31), 2**31 - 1).astype(np.int32)


def _two_halves(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    upper, lower = (x.astype(jnp.bfloat16).view(np.uint16).astype(np.uint32) for x in (upper, lower))
    return upper << 16 | lower


def _floats(register: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both bfloat16 numbers, the lower half first."""
    return (register << 16).view(np.float32), (register & 0xFFFF0000).view(np.float32)


def _reduced(reduce: Callable) -> Callable:
    def compute(x: np.ndarray, lanes: np.ndarray) -> np.ndarray:
        if np.any(lanes != 0xFFFFFFFF):
            raise PtxError("not all lanes are members")
        return np.full(LANES, reduce(x))

    return compute


def _permuted(a: np.ndarray, b: np.ndarray, selector: np.ndarray) -> np.ndarray:
    chosen = selector[:, None] >> _NIBBLES & 15
    if np.any(chosen > 7) or np.any(selector >> 16):
        raise PtxError("selector is not of four bytes of two registers")
    numbers = np.stack([a, b], axis=1).view(np.uint8)
    return np.take_along_axis(numbers, chosen.astype(np.intp), axis=1).view(np.uint32)[:, 0]


def _product(*registers: np.ndarray) -> list[np.ndarray]:
    """The lanes' numbers of 16 x 16 times 16 x 8 plus 16 x 8."""
    a, b, c = np.empty((16, 16)), np.empty((16, 8)), np.empty((16, 8))
    for i, register in enumerate(registers[:4]):
        for half, numbers in enumerate(_floats(register)):
            a[_G + 8 * (i % 2), 2 * _Q + 8 * (i // 2) + half] = numbers
    for i, register in enumerate(registers[4:6]):
        for half, numbers in enumerate(_floats(register)):
            b[2 * _Q + 8 * i + half, _G] = numbers
    places = [(_G + 8 * (i // 2), 2 * _Q + i % 2) for i in range(4)]
    for place, numbers in zip(places, registers[6:], strict=True):
        c[place] = numbers
    total = (a @ b + c).astype(np.float32)
    return [total[place] for place in places]


def _load_matrices(place: _Place) -> list[np.ndarray]:
    rows = np.stack(place.load(4), axis=1)  # lane 8 i + g has row g of matrix i, as four words
    return [rows[8 * i + _G, _Q] for i in range(4)]


def _store_matrices(place: _Place, *registers: np.ndarray) -> None:
    place.store(*np.stack(registers).reshape(LANES, 4).T)


def _same(x: np.ndarray) -> np.ndarray:
    return x


# Types of results and of operands, and what makes the former of the latter. '*4' are so many registers in braces.
_OPERATIONS: dict[str, tuple[str, str, Callable]] = {
    "mov.u32": ("u32", "u32", _same),
    "mov.b32": ("b32", "b32", _same),
    "mov.f32": ("f32", "f32", _same),
    "and.b32": ("b32", "b32 b32", np.bitwise_and),
    "or.b32": ("b32", "b32 b32", np.bitwise_or),
    "xor.b32": ("b32", "b32 b32", np.bitwise_xor),
    "shl.b32": ("b32", "b32 u32", _shifted(np.left_shift)),
    "shr.u32": ("u32", "u32 u32", _shifted(np.right_shift)),
    "bfe.u32": ("u32", "u32 u32 u32", _bits),
    "prmt.b32": ("b32", "b32 b32 b32", _permuted),
    "add.s32": ("s32", "s32 s32", np.add),
    "add.u32": ("u32", "u32 u32", np.add),
    "add.u64": ("u64", "u64 u64", np.add),
    "mad.lo.u32": ("u32", "u32 u32 u32", lambda a, b, c: a * b + c),
    "mul.lo.u64": ("u64", "u64 u64", np.multiply),
    "mul.wide.u32": ("u64", "u32 u32", lambda a, b: a.astype(np.uint64) * b),
    "min.s32": ("s32", "s32 s32", np.minimum),
    "max.s32": ("s32", "s32 s32", np.maximum),
    "redux.sync.min.s32": ("s32", "s32 b32", _reduced(np.min)),
    "redux.sync.max.s32": ("s32", "s32 b32", _reduced(np.max)),
    "add.f32": ("f32", "f32 f32", np.add),
    "sub.f32": ("f32", "f32 f32", np.subtract),
    "mul.f32": ("f32", "f32 f32", np.multiply),
    "max.f32": ("f32", "f32 f32", np.fmax),  # of NaN and a number, the number
    "abs.f32": ("f32", "f32", np.abs),
    "fma.rn.f32": ("f32", "f32 f32 f32", lambda a, b, c: (a.astype(np.float64) * b + c).astype(np.float32)),
    "tanh.approx.f32": ("f32", "f32", np.tanh),
    "cvt.rmi.s32.f32": ("s32", "f32", _floor),
    "cvt.rn.f32.s32": ("f32", "s32", lambda x: x.astype(np.float32)),
    "cvt.rn.bf16x2.f32": ("packed", "f32 f32", _two_halves),
    "setp.le.s32": ("pred", "s32 s32", np.less_equal),
    "setp.gt.s32": ("pred", "s32 s32", np.greater),
    "setp.lt.u32": ("pred", "u32 u32", np.less),
    "selp.f32": ("f32", "f32 f32 pred", lambda a, b, chosen: np.where(chosen, a, b)),
    "ld.global.nc.f32": ("f32", "global", lambda place: place.load(1)),
    "ld.global.nc.v4.b32": ("b32*4", "global", lambda place: place.load(4)),
    "ld.shared.v2.f32": ("f32*2", "shared", lambda place: place.load(2)),
    "st.global.f32": ("", "global f32", _Place.store),
    "ldmatrix.sync.aligned.m8n8.x4.shared.b16": ("packed*4", "shared", _load_matrices),
    "stmatrix.sync.aligned.m8n8.x4.shared.b16": ("", "shared packed*4", _store_matrices),
    "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32": ("f32*4", "packed*4 packed*2 f32*4", _product),
    "bra.uni": ("", "label", _same),
}


class _Instruction(NamedTuple):
    text: str
    operation: str
    guard: tuple[str, bool] | None  # a register, and what it has to be
    results: list[tuple[str, str]]  # registers, and the types that they are written as
    operands: list[tuple[str, str, int]]  # registers, numbers or labels, their types, and what is added to an address


class _Program:
    """Code whose names, types and operands are right."""

    def __init__(self, results: str, code: str, kinds: str):
        self.types = {f"${i}": _TYPES[letter] for i, letter in enumerate(results + kinds)}
        self.results = [f"${i}" for i in range(len(results))]
        self.inputs = [f"${i}" for i in range(len(results), len(self.types))]
        self.instructions: list[_Instruction] = []
        self.labels: dict[str, int] = {}
        lines = [line.strip() for line in code.strip().splitlines()]
        if lines[0] != "{" or lines[-1] != "}":
            raise PtxError("not in braces: names would be declared twice where it is used twice")
        for line in lines[1:-1]:
            try:
                self._add(line)
            except PtxError as error:
                raise PtxError(f"{error}: {line}") from None
        for line in self.instructions:
            if line.operation == "bra.uni" and line.operands[0][0] not in self.labels:
                raise PtxError(f"no such label: {line.text}")

    def _add(self, line: str) -> None:
        if label := re.fullmatch(r"([A-Za-z]\w*):", line):
            if label[1] in self.labels:
                raise PtxError("label is there already")
            self.labels[label[1]] = len(self.instructions)
        elif declared := re.fullmatch(r"\.reg \.(\w+) ([A-Za-z]\w*(, [A-Za-z]\w*)*);", line):
            if declared[1] not in _STORED:
                raise PtxError("unknown type")
            for name in declared[2].split(", "):
                if name in self.types:
                    raise PtxError(f"{name} is declared already")
                self.types[name] = declared[1]
        elif statement := re.fullmatch(r"(?:@(!?)(\w+) )?([\w.]+) ([^;]+);", line):
            self.instructions.append(self._instruction(line, *statement.groups()))
        else:
            raise PtxError("malformed")

    def _instruction(self, line: str, negated: str, guard: str | None, operation: str, text: str) -> _Instruction:
        if operation not in _OPERATIONS:
            raise PtxError(f"unknown instruction {operation}")
        if guard and (".sync" in operation):
            raise PtxError("not every lane may take part")
        writes, reads, _ = _OPERATIONS[operation]
        texts = re.split(r", (?![^{]*\})", text)
        kinds = writes.split() + reads.split()
        if len(texts) != len(kinds):
            raise PtxError(f"{len(kinds)} operands wanted")
        results, operands = [], []
        for i, (operand, kind) in enumerate(zip(texts, kinds, strict=True)):
            kind, _, count = kind.partition("*")
            vector = re.fullmatch(r"\{(.+)\}", operand)
            parts = vector[1].split(", ") if vector else [operand]
            if bool(vector) != bool(count) or len(parts) != int(count or 1):
                raise PtxError(f"malformed operand {operand}")
            if i < len(writes.split()):
                results += [(self._register(part, kind, written=True), kind) for part in parts]
            else:
                operands += [self._operand(part, kind, operation) for part in parts]
        if len({name for name, _ in results}) < len(results):
            raise PtxError("two results in one register")
        return _Instruction(
            line, operation, (self._register(guard, "pred"), not negated) if guard else None, results, operands
        )

    def _register(self, name: str, kind: str, *, written: bool = False) -> str:
        if name not in self.types:
            raise PtxError(f"undeclared register {name}")
        if written and name in self.inputs:
            raise PtxError(f"{name} is an operand, which must stay")
        declared = self.types[name]
        same_width = np.dtype(_STORED[declared]).itemsize == np.dtype(_READ[kind]).itemsize
        if declared != kind and not (same_width and (declared[0] == "b" or (declared, kind) == ("f32", "b32"))):
            raise PtxError(f"{name} is .{declared}, not .{kind}")
        return name

    def _operand(self, text: str, kind: str, operation: str) -> tuple[str, str, int]:
        """What is to be read: its text as a register, number or label, its type, and what is added to an address."""
        if kind in _POINTERS:
            place = re.fullmatch(r"\[([\w$]+)(?: \+ (\d+))?\]", text)
            if not place:
                raise PtxError(f"malformed address {text}")
            if int(place[2] or 0) >= 2**31:
                raise PtxError("offset of more than 31 bits")
            return self._register(place[1], _POINTERS[kind]), kind, int(place[2] or 0)
        if kind == "label" or (text == "%tid.x" and operation == "mov.u32"):
            return text, kind, 0
        if kind == "f32" and re.fullmatch("0f[0-9A-F]{8}", text):
            return text, kind, 0
        if kind[1:] in ("32", "64") and kind != "f32" and re.fullmatch(r"0|-?[1-9]\d*|0x[0-9a-f]+", text):
            bits = int(kind[1:])
            if not -(2 ** (bits - 1)) <= int(text, 0) < 2**bits:
                raise PtxError(f"{text} has more than {bits} bits")
            return text, kind, 0
        return self._register(text, kind), kind, 0


class _Warp:
    def __init__(self, program: _Program, threads: np.ndarray, inputs: list[np.ndarray], memory: Memory):
        self.program, self.threads, self.memory = program, threads, memory
        self.registers = dict(zip(program.inputs, inputs, strict=True))  # those that have been written

    def read(self, text: str, kind: str = "", offset: int = 0, active: Any = None) -> Any:
        if text == "%tid.x":
            return self.threads
        if text[:2] == "0f":
            return np.full(LANES, int(text[2:], 16), np.uint32).view(np.float32)
        if text[0] in "-0123456789":
            bits = int(kind[1:])
            return np.full(LANES, int(text, 0) % 2**bits, f"uint{bits}").view(_READ[kind])
        if text not in self.registers:
            raise PtxError(f"{text} has not been written")
        value = self.registers[text]
        if kind in _POINTERS:
            return _Place(self.memory, kind, value.astype(np.uint64) + np.uint64(offset), active)
        return value.view(_READ[kind]) if kind else value

    def write(self, name: str, value: np.ndarray, active: np.ndarray) -> None:
        """In lanes that are active; what others have if they have never been so is of no use."""
        stored = _STORED[self.program.types[name]]
        value = value.view(stored)
        assert value.shape == (LANES,), name
        before = self.registers.get(name, np.full(8 * LANES, 0xFF, np.uint8).view(stored)[:LANES])
        self.registers[name] = np.where(active, value, before)

    def run(self) -> None:
        at = steps = 0
        while at < len(self.program.instructions):
            instruction, at, steps = self.program.instructions[at], at + 1, steps + 1
            try:
                at = self._step(instruction, at)
                if steps > _MOST_STEPS:
                    raise PtxError("it does not end")
            except PtxError as error:
                raise PtxError(f"{error}: {instruction.text}") from None

    def _step(self, instruction: _Instruction, following: int) -> int:
        """Number of the next instruction."""
        active = np.ones(LANES, bool)
        if instruction.guard:
            active = self.read(instruction.guard[0]) == instruction.guard[1]
        if instruction.operation == "bra.uni":
            if active.any() != active.all():
                raise PtxError("lanes differ in where they go")
            return self.program.labels[instruction.operands[0][0]] if active.all() else following
        values = [self.read(*operand, active) for operand in instruction.operands]
        made = _OPERATIONS[instruction.operation][2](*values)
        for (name, _), value in zip(instruction.results, made if isinstance(made, list) else [made], strict=False):
            self.write(name, value, active)
        return following


_program = functools.lru_cache(_Program)


def run(
    results: str, code: str, kinds: str, operands: Any = (), memory: Memory | None = None, group: int = 0
) -> list[np.ndarray]:
    """What `inline_ptx.run` returns, with a number for each of a warpgroup's threads; their warps go one by one.

    Args:
      results: a letter for each, 'f' or 'r'.
      code: PTX.
      kinds: a letter for each operand: 'f', 'r', or 'l'.
      operands: a number each, or one for each thread.
      memory: what the code may touch.
      group: number of the warpgroup.
    """
    program = _program(results, code, kinds)
    assert len(operands) == len(kinds)
    inputs = [
        np.broadcast_to(np.asarray(operand, _STORED[_TYPES[letter]]), THREADS)
        for operand, letter in zip(operands, kinds, strict=True)
    ]
    warps = []
    for start in range(0, THREADS, LANES):
        lanes = slice(start, start + LANES)
        numbers = np.arange(start, start + LANES, dtype=np.uint32) + np.uint32(group * THREADS)
        warps.append(_Warp(program, numbers, [operand[lanes].copy() for operand in inputs], memory or Memory()))
        with np.errstate(all="ignore"):
            warps[-1].run()
    return [np.concatenate([warp.read(name) for warp in warps]) for name in program.results]
