"""Says who it is with Debian's python3-thrift and generated code. Arguments: folder of the code, host, port."""

import sys

sys.path.insert(0, sys.argv[1])

from kestrel import Kestrel
from thrift.protocol import TBinaryProtocol
from thrift.Thrift import TApplicationException
from thrift.transport import TSocket, TTransport

transport = TTransport.TFramedTransport(TSocket.TSocket(sys.argv[2], int(sys.argv[3])))
client = Kestrel.Client(TBinaryProtocol.TBinaryProtocolAccelerated(transport))
transport.open()


def refused(message, call, *args):
    try:
        call(*args)
    except TApplicationException as error:
        assert error.message == message, error.message
    else:
        raise AssertionError("was let in")


refused("not authenticated", client.put, "orders", [b"x"], 0, None)
refused("authentication failure", client.authenticate, "shop", "guess")
refused("not authenticated", client.current_status)
client.authenticate("shop", "s\u00e9same")
assert client.put("orders", [b"x"], 0, None) == 1
refused("not allowed to put into secrets", client.put, "secrets", [b"x"], 0, None)
assert [item.data for item in client.get("orders", 1, 0, 0, None)] == [b"x"]
transport.close()
print("ok")
