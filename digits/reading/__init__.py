"""Many digits in one picture: found, separated, put in order and read; what is no digit is refused."""

from digits.reading.page import Digit, Page
from digits.reading.reader import Limits, read

__all__ = ["Digit", "Limits", "Page", "read"]
