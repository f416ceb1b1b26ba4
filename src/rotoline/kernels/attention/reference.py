"""The specification of the readouts, pixel by pixel; slow on purpose."""

import math

import numpy as np


def local_attention(
    queries: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    *,
    sharpness: float,
    decay: float,
    reach: int,
) -> np.ndarray:
    """See `vectorised.local_attention`; float64 arrays."""
    _, height, width = queries.shape
    out = np.zeros(values.shape)
    for row in range(height):
        for col in range(width):
            total, sums = 0.0, np.zeros(len(values))
            for step in range(-reach, reach + 1):
                at = min(max(row + step, 0), height - 1)
                for other in range(width):
                    distance = (step**2 + (other - col) ** 2) / reach**2
                    similarity = float(queries[:, row, col] @ keys[:, at, other])
                    weight = math.exp(sharpness * similarity - decay * distance)
                    total += weight
                    sums += weight * values[:, at, other]
            out[:, row, col] = sums / total
    return out


def memory_attention(
    queries: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    present: np.ndarray,
    *,
    sharpness: float,
) -> np.ndarray:
    """See `vectorised.memory_attention`; float64 arrays."""
    count, pixels = len(values), queries.shape[1]
    out = np.zeros((count, pixels))
    for k in range(count):
        for p in range(pixels):
            weights = [math.exp(sharpness * float(queries[:, p] @ key)) for key in keys.T]
            known = sum(w * there for w, there in zip(weights, present[k], strict=True))
            if known < 1e-3 * sum(weights):
                out[k, p] = 0.5
            else:
                both = zip(weights, present[k], values[k], strict=True)
                out[k, p] = sum(w * there * value for w, there, value in both) / known
    return out
