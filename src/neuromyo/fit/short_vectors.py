"""Vectors of a fixed, short length for compiled loops, held in the processor's vector registers.

The compiler unrolls a loop of known short length into scalar code before it looks for vectors, and a loop of unknown
length pays for its tests each time. A `Vector` says what is meant: its length is that of a tuple, so it belongs to the type.

    a = load(array, offset, (0,) * 8)        eight neighbours of a one-dimensional array
    store(array, offset, 2.0 * a + b)        scalar times vector; vector +, -, * vector
    spread(x, (0,) * 8)                      eight times x
    choose(a, b, x, y)                       x where a < b, else y
    dot(a, b)                                their inner product, a scalar
    double(a)                                the same in double precision; like(a, array) in the precision of an array

Offsets are not checked. Only inside functions compiled by numba.
"""

# pyright: reportOptionalCall=false
# (numba types its registration hooks as optional)
from __future__ import annotations

import operator

from llvmlite import ir
from numba.core import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

# sums may be regrouped and products fused; NaN and Inf keep their meaning
_FLAGS = ("reassoc", "contract", "nsz")


class Vector(types.Type):
    """The numba type: so many numbers of one precision."""

    def __init__(self, dtype: types.Float, length: int) -> None:
        self.dtype, self.length = dtype, length
        super().__init__(name=f"Vector({dtype}, {length})")


def _float(dtype: types.Float) -> ir.Type:
    return ir.FloatType() if dtype.bitwidth == 32 else ir.DoubleType()


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type) -> None:
        super().__init__(dmm, fe_type, ir.VectorType(_float(fe_type.dtype), fe_type.length))


def _spread(builder, scalar, kind: ir.VectorType):
    """A vector of equal elements."""
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [0] * kind.count)
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), mask)


def _place(context, builder, array_type, array, offset, kind: ir.VectorType):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [offset]), kind.as_pointer())


@intrinsic
def load(typingctx, array, offset, length):
    """The ``len(length)`` neighbours of a contiguous one-dimensional array from ``offset`` on."""
    made = Vector(array.dtype, len(length))

    def build(context, builder, sig, args):
        kind = context.get_value_type(made)
        return builder.load(
            _place(context, builder, sig.args[0], args[0], args[1], kind), align=made.dtype.bitwidth // 8
        )

    return made(array, types.intp, length), build


@intrinsic
def store(typingctx, array, offset, vector):
    """Write a vector of the array's precision from ``offset`` on."""

    def build(context, builder, sig, args):
        place = _place(context, builder, sig.args[0], args[0], args[1], args[2].type)
        builder.store(args[2], place, align=sig.args[2].dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), build


@intrinsic
def spread(typingctx, scalar, length):
    """A vector of ``len(length)`` equal numbers."""
    made = Vector(scalar, len(length))
    return made(scalar, length), lambda context, builder, sig, args: _spread(
        builder, args[0], context.get_value_type(made)
    )


@intrinsic
def choose(typingctx, a, b, x, y):
    """x where a < b, else y."""

    def build(context, builder, sig, args):
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[2], args[3])

    return x(a, a, x, x), build


@intrinsic
def dot(typingctx, a, b):
    """Inner product."""

    def build(context, builder, sig, args):
        product = builder.fmul(*args, flags=_FLAGS)
        scalar = product.type.element
        name = f"llvm.vector.reduce.fadd.v{product.type.count}f{sig.return_type.bitwidth}"
        function = builder.module.declare_intrinsic(name, (), ir.FunctionType(scalar, [scalar, product.type]))
        return builder.call(function, [ir.Constant(scalar, -0.0), product], fastmath=_FLAGS)

    return a.dtype(a, a), build


def _converted(builder, value, to: ir.VectorType):
    if value.type == to:
        return value
    return builder.fpext(value, to) if isinstance(to.element, ir.DoubleType) else builder.fptrunc(value, to)


@intrinsic
def double(typingctx, a):
    """The same numbers in double precision."""
    made = Vector(types.float64, a.length)
    return made(a), lambda context, builder, sig, args: _converted(builder, args[0], context.get_value_type(made))


@intrinsic
def like(typingctx, a, array):
    """The same numbers in the precision of an array."""
    made = Vector(array.dtype, a.length)
    return made(a, array), lambda context, builder, sig, args: _converted(
        builder, args[0], context.get_value_type(made)
    )


class _Elementwise(AbstractTemplate):
    def generic(self, args, kws):
        if len(args) == 2 and isinstance(args[0], Vector) and args[0] == args[1]:
            return signature(args[0], *args)
        return None


class _Times(AbstractTemplate):
    def generic(self, args, kws):
        if len(args) == 2 and isinstance(args[1], Vector) and args[0] in (args[1], args[1].dtype):
            return signature(args[1], *args)
        return None


for _operator in (operator.add, operator.sub):
    infer_global(_operator)(type("_Elementwise", (_Elementwise,), {}))
infer_global(operator.mul)(_Times)


@lower_builtin(operator.add, Vector, Vector)
def _add(context, builder, sig, args):
    return builder.fadd(*args, flags=_FLAGS)


@lower_builtin(operator.sub, Vector, Vector)
def _sub(context, builder, sig, args):
    return builder.fsub(*args, flags=_FLAGS)


@lower_builtin(operator.mul, Vector, Vector)
def _mul(context, builder, sig, args):
    return builder.fmul(*args, flags=_FLAGS)


@lower_builtin(operator.mul, types.Float, Vector)
def _scale(context, builder, sig, args):
    return builder.fmul(_spread(builder, args[0], args[1].type), args[1], flags=_FLAGS)
