/**
 * `npm run build`: the chat's app and loader, and the files that the console takes from npm, into folders that git
 * ignores. Names carry a hash of the content; manifest.json says which name stands for what.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import path from "node:path";
import esbuild from "esbuild";
import { icons } from "./icons.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, "../../..");
const widgetOut = path.join(root, "messaging/widget/static/widget/build");
const designOut = path.join(root, "portal/design/static/design/build");
const tokens = path.join(root, "portal/design/static/design/tokens.css");

/** The tokens that every page of ours shares, read where they live. */
const sharedTokens = {
  name: "shared-tokens",
  setup(build) {
    build.onResolve({ filter: /^shared:tokens$/ }, () => ({ path: tokens }));
  },
};

/** Each language is a file of its own: a reader loads one. */
const languages = ["en", "es", "it"];
const words = Object.fromEntries(languages.map((it) => [`words-${it}`, path.join(here, `words/${it}.ts`)]));

const browsers = ["chrome123", "firefox120", "safari17.5"];

/** @type {import("esbuild").BuildOptions} */
export const appOptions = {
  entryPoints: { app: path.join(here, "main.tsx"), ...words },
  bundle: true,
  minify: true,
  format: "esm",
  target: browsers,
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  plugins: [sharedTokens, icons],
  entryNames: "[name].[hash]",
  outdir: widgetOut,
  metafile: true,
};

/** The loader runs on pages that are not ours: one classic script without names in the global scope. */
/** @type {import("esbuild").BuildOptions} */
export const loaderOptions = {
  entryPoints: { loader: path.join(here, "../loader/loader.ts") },
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2020"],
  legalComments: "none",
  plugins: [icons],
  entryNames: "[name].[hash]",
  outdir: widgetOut,
  metafile: true,
};

/** entry and ending -> built file name, e.g. {"app.js": "app.4F2K.js"}. */
function namesOf(metafile) {
  const names = {};
  for (const output of Object.keys(metafile.outputs)) {
    const file = path.basename(output);
    const [name, , ending] = file.split(".");
    names[`${name}.${ending}`] = file;
  }
  return names;
}

async function licences() {
  const lock = JSON.parse(await readFile(path.join(root, "package-lock.json"), "utf8"));
  const shipped = Object.entries(lock.packages).filter(([where, it]) => where && !it.dev && !it.optional);
  const parts = [];
  for (const [where, it] of shipped) {
    const folder = path.join(root, where);
    const files = existsSync(folder) ? await readdir(folder) : [];
    const file = files.find((name) => /^licen[cs]e/i.test(name));
    const text = file ? await readFile(path.join(folder, file), "utf8") : "";
    parts.push(`${where.replace("node_modules/", "")} ${it.version} (${it.license})\n\n${text.trim()}\n`);
  }
  return parts.join(`\n${"-".repeat(72)}\n\n`);
}

async function buildWidget() {
  await mkdir(widgetOut, { recursive: true });
  const before = await readdir(widgetOut);
  const results = await Promise.all([esbuild.build(appOptions), esbuild.build(loaderOptions)]);
  const manifest = Object.assign({}, ...results.map((it) => namesOf(it.metafile)));
  await writeFile(path.join(widgetOut, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  await writeFile(path.join(widgetOut, "licences.txt"), await licences());
  // Old names go last: whoever read the manifest a moment ago still finds its files.
  const kept = new Set([...Object.values(manifest), "manifest.json", "licences.txt"]);
  await Promise.all(before.filter((name) => !kept.has(name)).map((name) => rm(path.join(widgetOut, name))));
  return manifest;
}

async function buildDesign() {
  await mkdir(designOut, { recursive: true });
  const from = (name) => readFile(path.join(root, "node_modules/uplot/dist", name));
  const files = { "uPlot.js": await from("uPlot.iife.min.js"), "uPlot.css": await from("uPlot.min.css") };
  const manifest = {};
  for (const [name, content] of Object.entries(files)) {
    await writeFile(path.join(designOut, name), content);
    manifest[name] = createHash("sha256").update(content).digest("hex").slice(0, 12);
  }
  await writeFile(path.join(designOut, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

async function watch() {
  for (const options of [appOptions, loaderOptions]) {
    const rebuilt = { name: "manifest", setup: (build) => build.onEnd(() => buildWidget().then(() => console.log("built"))) };
    const context = await esbuild.context({ ...options, write: false, plugins: [...options.plugins, rebuilt] });
    await context.watch();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [manifest] = await Promise.all([buildWidget(), buildDesign()]);
  console.log(Object.values(manifest).join("\n"));
  if (process.argv.includes("--watch")) await watch();
}
