"""Logs as JSON: microseconds each."""

import json
import logging

from digits.serving.logs import JsonFormatter


def test_a_record_is_one_line_of_json_with_its_fields():
    record = logging.makeLogRecord({"msg": "version %s\n", "args": ("3",), "levelname": "INFO", "version": "3"})
    text = JsonFormatter().format(record)
    content = json.loads(text)
    assert "\n" not in text
    assert (content["message"], content["level"], content["version"]) == ("version 3\n", "info", "3")


def test_a_name_that_is_not_utf8_is_escaped():
    record = logging.makeLogRecord({"msg": "/models\udcff can't be read"})
    assert json.loads(JsonFormatter().format(record))["message"] == "/models\\udcff can't be read"
