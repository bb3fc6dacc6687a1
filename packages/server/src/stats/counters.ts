/** What the server counts over all its connections, since it started. Plain numbers: counting must cost nothing. */

export class Counters {
  /** In ms since the epoch. */
  readonly startedAt: number;
  currConnections = 0;
  totalConnections = 0;
  cmdGet = 0;
  cmdSet = 0;
  cmdPeek = 0;
  getHits = 0;
  getMisses = 0;
  bytesRead = 0;
  bytesWritten = 0;
  /** Answers that clients have not read yet, where one has many of them; see AnswerMemory. */
  unreadBytes = 0;
  /** Connections closed because their clients did not read them, and the memory for them was used up. */
  unreadClosed = 0;

  constructor(startedAt: number) {
    this.startedAt = startedAt;
  }
}
