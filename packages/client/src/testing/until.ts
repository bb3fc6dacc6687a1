// For tests that wait for something that sends no event.

/** Resolves when the condition holds. Gives up only with the test itself. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}
