"""Running .tflite models from many threads at once, without TensorFlow."""

from __future__ import annotations

from collections import defaultdict
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
        self._idle: dict[int, LifoQueue[Interpreter]] = defaultdict(
            LifoQueue
        )  # by rows in a batch: laying out anew takes longer than a call
        with self._borrowed(1) as interpreter:
            self.input: dict[str, Any] = interpreter.get_input_details()[0]
            self.outputs: list[dict[str, Any]] = interpreter.get_output_details()

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input without the batch: (height, width, channels)."""
        return tuple(int(n) for n in self.input["shape"][1:])

    def run(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """float32 [n, …] → the outputs as float32 [n, …], in the file's order. Quantised models are fed and read as floats."""
        count = len(batch)
        rows = 1 << (count - 1).bit_length()  # a power of two, so that few sizes occur
        with self._borrowed(rows) as interpreter:
            padded = np.zeros((rows, *self.input_shape), self.input["dtype"])
            padded[:count] = _quantised(batch, self.input)
            interpreter.set_tensor(self.input["index"], padded)
            interpreter.invoke()
            return [_dequantised(interpreter.get_tensor(output["index"])[:count], output) for output in self.outputs]

    @contextmanager
    def _borrowed(self, rows: int) -> Iterator[Interpreter]:
        try:
            interpreter = self._idle[rows].get_nowait()
        except Empty:
            interpreter = Interpreter(model_content=self._content, num_threads=1)
            shape = interpreter.get_input_details()[0]["shape"]
            interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], [rows, *shape[1:]])
            interpreter.allocate_tensors()
        try:
            yield interpreter
        finally:
            self._idle[rows].put(interpreter)


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
