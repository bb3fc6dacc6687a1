/*
 * Kestrel over thrift: framed transport, binary protocol. Names, field numbers and meanings are those of
 * Kestrel 2.x, so that its clients work unchanged; the words are ours. See docs/protocols.md.
 */

namespace java net.lag.kestrel.thrift
namespace py kestrel

struct Item {
  1: binary data

  /* For `confirm` and `abort`; 0 when the item is gone for good already. */
  2: i64 id

  /* Not Kestrel's: 32 bits that the producer stored with the item; left out when they are 0. 3 is kept free. */
  4: optional i32 flags
}

struct QueueInfo {
  /* The item at the head; left out when the queue is empty. */
  1: optional binary head_item

  2: i64 items

  /* Of the items' data. */
  3: i64 bytes

  /* Of the queue's journal on disk. */
  4: i64 journal_bytes

  /* How long the item handed out last had waited, in milliseconds. */
  5: i64 age

  /* Clients that wait for an item. */
  6: i32 waiters

  /* Items handed out and neither confirmed nor aborted yet. */
  7: i32 open_transactions

  /* Not Kestrel's: the flags of the item at the head; left out when they are 0. */
  8: optional i32 head_flags
}

enum Status {
  NOT_CONFIGURED = 0,
  /* Neither puts nor gets. */
  QUIESCENT = 1,
  /* No puts. */
  READ_ONLY = 2,
  UP = 3,
}

service Kestrel {
  /*
   * Not Kestrel's: says who this connection is. On a server that asks for it, it is the first call; the others are
   * refused until then. An exception: there is no such user, or the password is another one.
   */
  void authenticate(1: string user, 2: string password)

  /*
   * Puts items in order, until the first one that the queue refuses. Returns how many were put.
   * `expiration_msec`: how long they live; 0: for ever.
   * `flags`, which is not Kestrel's: 32 bits that are stored with each of them. 4 is kept free.
   */
  i32 put(1: string queue_name, 2: list<binary> items, 3: i32 expiration_msec = 0, 5: i32 flags = 0)

  /*
   * Gets up to `max_items` items. Returns when so many are there or, with fewer or none, when `timeout_msec` is over.
   * `auto_abort_msec`: 0: the items are gone for good. Otherwise each one goes back to its queue unless its id is
   * confirmed in that time.
   * `abort_on_disconnect`, which is not Kestrel's: it goes back as well when this connection ends.
   */
  list<Item> get(1: string queue_name, 2: i32 max_items, 3: i32 timeout_msec = 0, 4: i32 auto_abort_msec = 0, 5: bool abort_on_disconnect = 0)

  /* These items are done. Returns how many of them were still open. */
  i32 confirm(1: string queue_name, 2: set<i64> ids)

  /* These items go back to the head of their queue. Returns how many of them were still open. */
  i32 abort(1: string queue_name, 2: set<i64> ids)

  /* Looks at a queue and at the item at its head, and takes nothing. */
  QueueInfo peek(1: string queue_name)

  /* Removes all items but the open ones. */
  void flush_queue(1: string queue_name)

  void flush_all_queues()

  /* Removes the queue and its journal. */
  void delete_queue(1: string queue_name)

  Status current_status()

  void set_status(1: Status status)

  string get_version()

  /*
   * Not Kestrel's: what a queue's statistics are, by their names in `dump_stats` of the memcache protocol; none when
   * there is no such queue, which is not made by this. Without a name, those of the server, as in its `stats`.
   */
  map<string, string> get_stats(1: string queue_name)
}
