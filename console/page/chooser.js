// Choosing the line, where there is more than one: a plain select, which every keyboard and reader knows.

import { el, setText } from "./dom.js";
import { words } from "./words.js";

// Enterprise, site and line; the area is left out, as in the heading.
export const placeName = (place) => place.slice(0, 2).concat(place.slice(3)).join(" / ");

export function chooser(onChoose) {
  const node = el("select", { class: "chooser", attributes: { "aria-label": words.lines.choose } });
  const options = new Map();
  node.hidden = true;
  node.addEventListener("change", () => onChoose(node.value));
  let shown = "";

  return {
    node,
    // An open list must not be made again under the hand that points at it: options are added, renamed or removed.
    lines(lines) {
      const paths = new Set(lines.map((line) => line.place.join("/")));
      for (const [path, option] of options) {
        if (paths.has(path)) continue;
        option.remove();
        options.delete(path);
      }
      lines.forEach((line, index) => {
        const path = line.place.join("/");
        if (!options.has(path)) {
          options.set(path, el("option"));
          options.get(path).value = path;
          node.insertBefore(options.get(path), node.children[index] ?? null);
        }
        setText(options.get(path), words.lines.entry(placeName(line.place), line.machines, line.stopped));
      });
      node.hidden = lines.length < 2;
      this.show(shown);
    },
    show(path) {
      shown = path;
      if (options.has(path) && node.value !== path) node.value = path;
    },
    get many() {
      return options.size > 1;
    },
  };
}
