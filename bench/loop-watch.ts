/**
 * How long the event loop is held at most, in cpu time of its thread: a machine that is busy with other things, and delays
 * everything, does not count. A timer looks each millisecond; between two looks lies what held the loop, and little else.
 */
export class LoopWatch {
  #longestMs = 0;
  #before = process.threadCpuUsage();
  #watching = false;

  /** Since the last call; the first one only begins to look, since looking costs something. */
  longestMs(): number {
    if (!this.#watching) {
      this.#before = process.threadCpuUsage();
      setInterval(() => this.#look(), 1).unref();
    }
    this.#watching = true;
    const longest = this.#longestMs;
    this.#longestMs = 0;
    return longest;
  }

  #look(): void {
    const { user, system } = process.threadCpuUsage(this.#before);
    this.#before = process.threadCpuUsage();
    this.#longestMs = Math.max(this.#longestMs, (user + system) / 1000);
  }
}
