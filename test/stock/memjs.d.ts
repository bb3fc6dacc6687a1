/** What the tests use of memjs, which comes without types. */
declare module "memjs" {
  class Client {
    static create(
      servers: string,
      options?: { retries?: number; username?: string; password?: string },
    ): Client;
    get(key: string): Promise<{ value: Buffer | null; flags: Buffer | null }>;
    set(key: string, value: string | Buffer, options: { expires?: number }): Promise<boolean>;
    delete(key: string): Promise<boolean>;
    close(): void;
  }
  const memjs: { Client: typeof Client };
  export default memjs;
}
