// What we use of hashring 3.2.0.

declare module "hashring" {
  export default class HashRing {
    constructor(
      members: Record<string, { vnodes: number }>,
      algorithm: "md5",
      options: { "vnode count": number; replicas: number },
    );
    range(key: string, length: number): string[];
  }
}
