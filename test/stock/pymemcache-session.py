"""pymemcache as it comes, with its default of noreply for every set and delete. Arguments: host, port."""

import sys

from pymemcache.client.base import Client
from pymemcache import serde

client = Client((sys.argv[1], int(sys.argv[2])), serde=serde.pickle_serde)

values = [1, "text", b"bytes\0\r\n", {"a": [1, 2, None]}, b""]
for value in values:
    assert client.set("typed-by-pymemcache", value) is True
for value in values:
    got = client.get("typed-by-pymemcache")
    assert got == value, (value, got)
assert client.get("typed-by-pymemcache") is None

assert client.set("work", b"with reply", noreply=False) is True
assert client.gets("work")[0] == b"with reply"
client.set("a", b"1")
client.set("b", b"2")
assert client.get_many(["a", "b", "c"]) == {"a": b"1", "b": b"2"}
client.set("a", b"1")
client.delete("a")
assert client.get("a") is None
assert client.delete("a", noreply=False) is True
assert client.version().startswith(b"3."), client.version()
assert int(client.stats()[b"curr_items"]) == 0
client.quit()
print("ok")
