"""A session over Debian's python3-thrift with generated code. Arguments: folder of the code, host, port, protocol."""

import sys

sys.path.insert(0, sys.argv[1])

from kestrel import Kestrel
from kestrel.ttypes import Item, Status
from thrift.protocol import TBinaryProtocol
from thrift.Thrift import TApplicationException, TMessageType, TType
from thrift.transport import TSocket, TTransport

protocols = {
    "strict": lambda transport: TBinaryProtocol.TBinaryProtocol(transport, True, True),
    "old": lambda transport: TBinaryProtocol.TBinaryProtocol(transport, False, False),
    "accelerated": TBinaryProtocol.TBinaryProtocolAccelerated,
}


class Client(Kestrel.Client):
    """Calls as code makes them that was generated from Kestrel's own IDL: without what only ours has."""

    def put(self, queue_name, items, expiration_msec):
        return super().put(queue_name, items, expiration_msec, None)

    def get(self, queue_name, max_items, timeout_msec, auto_abort_msec):
        return super().get(queue_name, max_items, timeout_msec, auto_abort_msec, None)


def connect():
    transport = TTransport.TFramedTransport(TSocket.TSocket(sys.argv[2], int(sys.argv[3])))
    protocol = protocols[sys.argv[4]](transport)
    transport.open()
    return Client(protocol), transport, protocol


one, transport, protocol = connect()
two, other_transport, _ = connect()

binary = bytes(range(256)) * 5
items = [binary, b"", b"\xff\xfe\n\r\n", "grün".encode(), b"x" * 300_000]
assert one.put("work", items, 0) == 5
assert two.get("work", 2, 0, 0) == [Item(binary, 0), Item(b"", 0)]

opened = one.get("work", 3, 0, 60_000)
assert [item.data for item in opened] == items[2:]
ids = [item.id for item in opened]
assert len(set(ids)) == 3 and all(id > 0 for id in ids), ids
assert two.get("work", 1, 0, 0) == []
assert two.confirm("work", {ids[0], ids[1]}) == 2
assert two.confirm("work", {ids[0], 17, -1, 2**63 - 1}) == 0

# They outlive their connection.
transport.close()
assert two.abort("work", {ids[2]}) == 1
info = two.peek("work")
assert (info.head_item, info.items, info.bytes) == (items[4], 1, 300_000), info
assert (info.waiters, info.open_transactions) == (0, 0), info

# Waits for the time to be over, which brings the item back.
one, transport, protocol = connect()
assert len(one.get("work", 1, 0, 50)) == 1
assert two.get("work", 1, 20_000, 0) == [Item(items[4], 0)]
assert two.peek("work").head_item is None

protocol.writeMessageBegin("__can__finagle__trace__v3__", TMessageType.CALL, 77)
protocol.writeStructBegin("nothing")
protocol.writeFieldBegin("a", TType.STRING, 1)
protocol.writeString("b")
protocol.writeFieldEnd()
protocol.writeFieldStop()
protocol.writeStructEnd()
protocol.writeMessageEnd()
transport.flush()
name, kind, sequence = protocol.readMessageBegin()
exception = TApplicationException()
exception.read(protocol)
protocol.readMessageEnd()
assert (kind, sequence) == (TMessageType.EXCEPTION, 77), (kind, sequence)
assert exception.type == TApplicationException.UNKNOWN_METHOD, exception

assert one.get_version().startswith("3.")
assert one.current_status() == Status.UP
one.set_status(Status.UP)
try:
    one.put("a/b", [b"x"], 0)
    raise AssertionError("there is no such queue")
except TApplicationException as error:
    assert error.type == TApplicationException.INTERNAL_ERROR, error
assert one.put("work", [b"%d" % number for number in range(1000)], 0) == 1000
assert [int(item.data) for item in one.get("work", 2000, 0, 0)] == list(range(1000))
one.put("work", [b"x"], 0)
one.flush_queue("work")
one.put("other", [b"x"], 0)
one.flush_all_queues()
one.delete_queue("work")
assert one.get("other", 1, 0, 0) == []

# What only ours has.
assert Kestrel.Client.put(one, "work", [b"marked"], 0, -2) == 1
assert Kestrel.Client.get(one, "work", 1, 0, 60_000, True)[0].flags == -2
transport.close()
assert [(item.data, item.flags) for item in two.get("work", 1, 20_000, 0)] == [(b"marked", -2)]
other_transport.close()
print("ok")
