"""What a model learns after training: calibrated probabilities, from held-out samples."""

from __future__ import annotations

from multitide.calibration._calibrator import Calibrator
from multitide.calibration._column_map import ColumnMap
from multitide.calibration._isotonic import Isotonic
from multitide.calibration._platt import Platt
from multitide.calibration._shifted_temperature import ShiftedTemperature
from multitide.calibration._temperature import Temperature
from multitide.calibration._unchanged import Unchanged

# Maps of the probability of yes, by the names that stored models use.
COLUMN_MAPS: dict[str, type[ColumnMap]] = {
    "isotonic": Isotonic,
    "platt": Platt,
    "unchanged": Unchanged,
}

__all__ = [
    "COLUMN_MAPS",
    "Calibrator",
    "ColumnMap",
    "Isotonic",
    "Platt",
    "ShiftedTemperature",
    "Temperature",
    "Unchanged",
]
