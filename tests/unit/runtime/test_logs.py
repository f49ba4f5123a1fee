"""Logs: every line is a JSON object, also from libraries, and never contains a secret."""

import json
import subprocess
import sys

PROGRAM = """
import logging, warnings, structlog
from runtime import logs
logs.configure(["hu/sh%", 'quo"ted'])
structlog.get_logger().info("hello", url="postgresql://segue:hu%2Fsh%25@db/x")
logging.getLogger("faust.transport").warning("can't reach %s", "hu/sh%")
logging.getLogger("aiokafka").info("not worth a line")
warnings.warn("old")
try:
    raise ValueError('with quo"ted in it')
except ValueError:
    structlog.get_logger().error("failed", exc_info=True)
    logging.getLogger("mode").exception("failed too")
"""


def test_a_repeated_line_is_written_once_and_a_crash_is_a_line_too() -> None:
    program = """
import logging
from runtime import logs
logs.configure(["hush"])
for attempt in range(500):
    logging.getLogger("aiokafka").error("can't connect to %s", "node 1")
logging.getLogger("aiokafka").error("can't connect to %s", "node 2")
import threading
thread = threading.Thread(target=lambda: 1 / 0, name="tired")
thread.start()
thread.join()
raise KeyError("hush")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == [
        "can't connect to node 1",
        "can't connect to node 2",
        "a thread crashed",
        "crashed",
    ]
    assert lines[2]["thread"] == "tired"
    assert lines[3]["exception"].endswith("KeyError: '***'")
    assert done.returncode == 1


def test_every_line_is_json_without_a_secret() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["level"], line["event"].split(":")[0]) for line in lines[:2]] == [
        ("info", "hello"),
        ("warning", "can't reach ***"),
    ]
    assert [line.get("logger") for line in lines] == [None, "faust.transport", "py.warnings", None, "mode"]
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert all("ValueError: with *** in it" in line["exception"] for line in lines[3:])
    assert lines[0]["url"] == "postgresql://segue:***@db/x"
    assert "sh%" not in done.stderr


def test_a_terminal_shows_hidden_characters_as_escapes() -> None:
    program = """
import sys, structlog
sys.stderr.isatty = lambda: True
from runtime import logs
logs.configure()
structlog.get_logger().info("seen", customer="4\\u202e2\\x1b[2J")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "4\\u202e2\\x1b[2J" in done.stderr
    assert "\u202e" not in done.stderr
