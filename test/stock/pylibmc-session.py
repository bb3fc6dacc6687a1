"""pylibmc in binary mode, unchanged: typed values come back as they went in. Arguments: host, port."""

import sys

import pylibmc

client = pylibmc.Client([f"{sys.argv[1]}:{sys.argv[2]}"], binary=True)

values = [1, -5, 2**40, "text", "grüße", b"bytes\0\r\n", {"a": [1, 2, {"b": None}]}, (1, "two"), 1.5, "x" * 100_000]
for value in values:
    assert client.set("typed-by-pylibmc", value) is True, value
for value in values:
    got = client.get("typed-by-pylibmc")
    assert got == value and type(got) is type(value), (value, got)
assert client.get("typed-by-pylibmc") is None

assert client.set("work", "first") and client.set("work", "second")
assert client.get("work/open") == "first"
assert client.get("work/peek") == "second"
assert client.get("work/abort") is None
assert client.get("work/open") == "first"
assert client.get("work/close/open") == "second"
assert client.get("work/close") is None
assert client.get("work/t=10") is None

assert client.set("a", 1) and client.set("b", 2)
assert client.get_multi(["a", "b", "c"]) == {"a": 1, "b": 2}
assert client.set_multi({"a": 3, "b": 4}) == []
assert (client.get("a"), client.get("b")) == (3, 4)
assert client.set("a", 1) and client.delete("a") and client.get("a") is None

[(_, stats)] = client.get_stats()
assert int(stats["curr_items"]) == 0, stats
assert client.set("a", 1) and client.flush_all() and client.get("a") is None
client.disconnect_all()
print("ok")
