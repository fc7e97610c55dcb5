"""The train stage refuses an exported file whose logits are not those of the network."""

import pytest

from digits.errors import UserError
from pipeline import train


def test_an_exported_file_with_other_logits_is_refused():
    train.check_agreement(0.0001, bound=0.0001)
    words = r"network\.onnx gives logits that differ by up to .* train\.max_logit_difference = 0\.0001"
    for difference in (0.00011, float("nan")):
        with pytest.raises(UserError, match=words):
            train.check_agreement(difference, bound=0.0001)
