/** The version of kq, which is that of the whole of Kestrel's TypeScript packages. */
export const version = "3.0.0";
