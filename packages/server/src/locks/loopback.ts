/** Whether only this machine can reach an address. */
export function isLoopback(address: string): boolean {
  return address === "::1" || address === "localhost" || /^(::ffff:)?127\./i.test(address);
}
