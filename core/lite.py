"""Running .tflite models from many threads at once, without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray


class LiteModel:
    """A .tflite model that any number of threads may call at once.

    Each call has an interpreter to itself: one that is idle, or a new one. Sessions come and go on threads of their own, so
    interpreters are lent rather than tied to a thread. One kernel thread each, so that cameras do not compete inside a call.

    Parameters
    ----------
    content : the file's bytes (shared by all interpreters)
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._idle: LifoQueue[tuple[Interpreter, dict[str, int]]] = LifoQueue()
        with self._borrowed() as (interpreter, _):
            self.input: dict[str, Any] = interpreter.get_input_details()[0]
            self.outputs: list[dict[str, Any]] = interpreter.get_output_details()

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input without the batch: (height, width, channels)."""
        return tuple(int(n) for n in self.input["shape"][1:])

    def run(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """float32 [n, …] → the outputs as float32 [n, …], in the file's order. Quantised models are fed and read as floats."""
        count = len(batch)
        with self._borrowed() as (interpreter, state):
            if state["rows"] < count or state["rows"] > 4 * count:
                state["rows"] = 1 << (count - 1).bit_length()  # a power of two, so that tensors are rarely laid out anew
                interpreter.resize_tensor_input(self.input["index"], [state["rows"], *self.input_shape])
                interpreter.allocate_tensors()
            whole = np.zeros((state["rows"], *self.input_shape), self.input["dtype"])
            whole[:count] = _quantised(batch, self.input)
            interpreter.set_tensor(self.input["index"], whole)
            interpreter.invoke()
            return [_dequantised(interpreter.get_tensor(output["index"])[:count], output) for output in self.outputs]

    @contextmanager
    def _borrowed(self) -> Iterator[tuple[Interpreter, dict[str, int]]]:
        try:
            lent = self._idle.get_nowait()
        except Empty:
            interpreter = Interpreter(model_content=self._content, num_threads=1)
            interpreter.allocate_tensors()
            lent = (interpreter, {"rows": int(interpreter.get_input_details()[0]["shape"][0])})
        try:
            yield lent
        finally:
            self._idle.put(lent)


def _quantised(values: NDArray[np.float32], details: dict[str, Any]) -> NDArray[Any]:
    if details["dtype"] == np.float32:
        return values
    scale, zero = details["quantization"]
    limits = np.iinfo(details["dtype"])
    quantised: NDArray[Any] = np.clip(np.rint(values / scale + zero), limits.min, limits.max).astype(details["dtype"])
    return quantised


def _dequantised(values: NDArray[Any], details: dict[str, Any]) -> NDArray[np.float32]:
    if details["dtype"] == np.float32:
        return np.asarray(values, np.float32)
    scale, zero = details["quantization"]
    return np.asarray((values.astype(np.float32) - zero) * scale, np.float32)
