"""pylibmc with user and password. Arguments: host, port, user, password, whether they are right."""

import sys

import pylibmc

host, port, user, password, is_right = sys.argv[1:]
client = pylibmc.Client([f"{host}:{port}"], binary=True, username=user, password=password)

if is_right == "yes":
    assert client.set("orders", "first") is True
    assert client.get("orders") == "first"
    # No right to that queue; and the connection is none the worse for it.
    try:
        client.set("secrets", "x")
        raise AssertionError("was let in")
    except pylibmc.Error:
        pass
    assert client.set("orders", "second") is True
else:
    try:
        client.set("orders", "x")
        raise AssertionError("was let in")
    except pylibmc.Error:
        pass
print("ok")
