/**
 * Which operations are timed: each one while there are few, about one in so many when there are many, so that
 * timing costs the same little however busy the server is. Which one is chance: a fixed step could meet the same
 * queue every time.
 */

const timedPerSecondMax = 1000;
/** After so many with the same weight within a second, the weight is doubled: a burst doesn't wait for the next one. */
const timedPerWeightMax = 200;
const weightMax = 1024;
/** So far away that it is never. */
const never = 2 ** 30;

export class Sampler {
  /** Of those that come next, and of the last one that was timed. */
  #weight = 1;
  #lastWeight = 1;
  /** Operations until the next one that is timed. */
  #left = never;
  #timed = 0;
  /** In this second, for how many those stand that were timed. */
  #operations = 0;
  #isOn = false;

  /** How many operations the last one stands for that was due. */
  get weight(): number {
    return this.#lastWeight;
  }

  start(): void {
    this.#isOn = true;
    this.#left = 1;
  }

  stop(): void {
    this.#isOn = false;
    this.#left = never;
  }

  /** Whether this operation is to be timed. To be asked once for each. */
  isDue(): boolean {
    if (--this.#left > 0) return false;
    this.#next();
    return this.#isOn;
  }

  #next(): void {
    const weight = this.#weight;
    this.#lastWeight = weight;
    this.#operations += weight;
    if (++this.#timed % timedPerWeightMax === 0) this.#weight = Math.min(weightMax, weight * 2);
    // From 1 to twice the weight less 1: the weight on average.
    const step = this.#weight === 1 ? 1 : 1 + Math.floor(Math.random() * (2 * this.#weight - 1));
    this.#left = this.#isOn ? step : never;
  }

  /** Fits the weight to what happened since the last call, which is to be a second ago. */
  retune(): void {
    let weight = 1;
    while (weight < weightMax && this.#operations > weight * timedPerSecondMax) weight *= 2;
    this.#operations = 0;
    this.#timed = 0;
    // From many to few: not after the long step that was meant for many.
    if (weight < this.#weight && this.#isOn) this.#left = Math.min(this.#left, weight);
    this.#weight = weight;
  }
}
