/** Icons by name from the pinned icon package, without the attributes that the surrounding svg already carries. */
import { createRequire } from "node:module";

const { icons: set, aliases } = createRequire(import.meta.url)("@iconify-json/lucide/icons.json");
const repeated = / (fill="none"|stroke="currentColor"|stroke-width="2"|stroke-linecap="round"|stroke-linejoin="round")/g;

function iconBody(name) {
  const icon = set[name] ?? set[aliases[name]?.parent];
  if (!icon) throw new Error(`There is no icon "${name}".`);
  return icon.body.replace(repeated, "").replace(/^<g>(.*)<\/g>$/s, "$1");
}

/** `import body from "icon:send"` for esbuild. */
export const icons = {
  name: "icons",
  setup(build) {
    build.onResolve({ filter: /^icon:/ }, ({ path }) => ({ path: path.slice(5), namespace: "icon" }));
    build.onLoad({ filter: /.*/, namespace: "icon" }, ({ path }) => ({ contents: iconBody(path), loader: "text" }));
  },
};
