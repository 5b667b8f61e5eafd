"""What Hypothesis draws from: values that can be sent."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
keys = texts.filter(lambda key: key not in ("__proto__", "constructor"))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    texts,
    st.binary(max_size=40),
)


def containers(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return lists and maps of values."""
    return st.lists(children, max_size=4) | st.dictionaries(keys, children, max_size=4)


plain_values = st.recursive(scalars, containers, max_leaves=12)


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    """Return an array of any dtype and shape, in any byte order and layout."""
    kind = draw(st.sampled_from(DTYPES))
    dtype = np.dtype(kind).newbyteorder(draw(st.sampled_from("<>")))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
    array = draw(hnp.arrays(dtype, shape))
    layout = draw(st.sampled_from(["C", "transposed", "strided"]))
    if layout == "transposed":
        return array.T
    if layout == "strided" and array.ndim:
        return array[::-2]
    return array


values = st.recursive(scalars | st.binary(min_size=1000, max_size=1100) | arrays(), containers, max_leaves=8)
