// What the hash of the address names: a line (four levels), or a machine (five) and with it its line, so that a link,
// a bookmark or the back button leads there.

const LINE_LEVELS = 4;

function levels() {
  try {
    return decodeURIComponent(location.hash.slice(1)).split("/").filter(Boolean);
  } catch {
    return []; // a hash that somebody typed
  }
}

const path = (parts) => (parts.length ? parts.join("/") : null);

// The machine whose panel is open, or null.
export const machine = () => (levels().length > LINE_LEVELS ? path(levels()) : null);

// The line that somebody chose, or null for the server's default.
export const line = () => (levels().length >= LINE_LEVELS ? path(levels().slice(0, LINE_LEVELS)) : null);

export function go(to) {
  location.hash = to === null ? "" : encodeURIComponent(to);
}
