/** Which view the address asks for: everything is in its part behind the `#`, so that it can be sent to others. */
import { type ColumnKey, columnKeys } from "./queue-row.ts";

export interface ListLocation {
  readonly view: "list";
  /** Queues whose name has this in it. */
  readonly filter: string;
  readonly sortBy: ColumnKey;
  readonly isDescending: boolean;
}

export type Location = ListLocation | { readonly view: "queue"; readonly name: string };

export const initialList: ListLocation = { view: "list", filter: "", sortBy: "items", isDescending: true };

/** Whatever can't be understood is the list. */
export function parseLocation(hash: string): Location {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?", 2);
  const name = /^\/queues\/(.+)$/.exec(path)?.[1];
  if (name !== undefined) {
    try {
      return { view: "queue", name: decodeURIComponent(name) };
    } catch {
      return initialList;
    }
  }
  const parameters = new URLSearchParams(query);
  const sort = parameters.get("sort") ?? "";
  const sortBy = columnKeys.find((key) => key === sort.replace(/^-/, ""));
  return {
    view: "list",
    filter: parameters.get("filter") ?? "",
    ...(sortBy === undefined
      ? { sortBy: initialList.sortBy, isDescending: initialList.isDescending }
      : { sortBy, isDescending: sort.startsWith("-") }),
  };
}

export function renderLocation(location: Location): string {
  if (location.view === "queue") return `#/queues/${encodeURIComponent(location.name)}`;
  const { filter, sortBy, isDescending } = location;
  const parameters = new URLSearchParams();
  if (filter !== "") parameters.set("filter", filter);
  if (sortBy !== initialList.sortBy || isDescending !== initialList.isDescending) {
    parameters.set("sort", `${isDescending ? "-" : ""}${sortBy}`);
  }
  const query = parameters.toString();
  return query === "" ? "#/" : `#/?${query}`;
}
