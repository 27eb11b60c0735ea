// The connection to the server: server-sent events, opened again by itself, with a state that people can see.
// States: connecting, live, reconnecting, ended (the server said goodbye; we ask now and then whether it is back).

const SILENT_MS = 6000; // a board comes every second; a half-open connection gives no error
const AGAIN_MS = 3000;

// `address` is asked for the URL at every opening; `again` opens it anew, for another line.
export function connect(address, { onBoard, onHistory, onLines, onState }) {
  let source = null;
  let state = "connecting";
  let heard = 0;
  let opened = 0;

  function become(next) {
    if (next !== state) onState((state = next));
  }

  function open() {
    source?.close();
    opened = performance.now();
    heard = 0;
    source = new EventSource(address());
    source.addEventListener("lines", (event) => onLines(JSON.parse(event.data)));
    source.addEventListener("history", (event) => onHistory(JSON.parse(event.data)));
    source.addEventListener("board", (event) => {
      heard = performance.now();
      become("live");
      onBoard(JSON.parse(event.data));
    });
    source.addEventListener("end", () => {
      source.close();
      become("ended");
    });
    source.addEventListener("error", () => {
      if (state === "live") become("reconnecting");
    });
  }

  setInterval(() => {
    const now = performance.now();
    const closed = source.readyState === EventSource.CLOSED;
    if (closed ? now - opened > AGAIN_MS : now - Math.max(heard, opened) > SILENT_MS) {
      if (state === "live") become("reconnecting");
      open();
    }
  }, 1000);
  onState(state);
  open();
  return { again: open };
}
