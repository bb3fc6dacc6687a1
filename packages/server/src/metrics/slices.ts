/** Work on many things in one turn of the event loop would hold up everybody: it is done in slices. */

const sliceLength = 200;

/** Does `step` for each of them: the first slice at once, the others in turns of their own; then `done`. */
export function inSlices<T>(
  things: Iterable<T>,
  step: (thing: T) => void,
  done: () => void = () => {},
): void {
  const iterator = things[Symbol.iterator]();
  const slice = (): void => {
    for (let left = sliceLength; left > 0; left--) {
      const next = iterator.next();
      if (next.done === true) {
        done();
        return;
      }
      step(next.value);
    }
    setImmediate(slice);
  };
  slice();
}
