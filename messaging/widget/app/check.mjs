/** `npm run check`, after the types: unit tests by node's own runner, then the sizes that a first visit pays for. */
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import os from "node:os";
import path from "node:path";
import esbuild from "esbuild";
import { appOptions, loaderOptions } from "./build.mjs";
import { icons } from "./icons.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const KILOBYTE = 1024;
const budgets = [
  { name: "app (scripts, styles and the longest language)", options: appOptions, bytes: 35 * KILOBYTE },
  { name: "loader", options: loaderOptions, bytes: 4 * KILOBYTE },
];

async function testFiles() {
  const rooms = [here, path.join(here, "../loader")];
  const found = await Promise.all(rooms.map((room) => readdir(room, { recursive: true })));
  return found.flatMap((names, at) => names.filter((it) => /\.test\.tsx?$/.test(it)).map((it) => path.join(rooms[at], it)));
}

async function runTests() {
  const out = await mkdtemp(path.join(os.tmpdir(), "widget-tests-"));
  try {
    const files = await testFiles();
    if (files.length === 0) throw new Error("No tests were found.");
    await esbuild.build({
      entryPoints: files, outdir: out, outbase: path.join(here, ".."), bundle: true, platform: "node", format: "esm",
      target: "node20", jsx: "automatic", jsxImportSource: "preact", outExtension: { ".js": ".mjs" }, sourcemap: "inline",
      plugins: [icons],
    });
    const built = (await readdir(out, { recursive: true })).filter((name) => name.endsWith(".test.mjs"));
    const paths = built.map((name) => path.join(out, name));
    return spawnSync(process.execPath, ["--enable-source-maps", "--test", "--test-reporter=dot", ...paths], { stdio: "inherit" }).status === 0;
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

async function sizesFit() {
  let fits = true;
  for (const { name, options, bytes } of budgets) {
    const result = await esbuild.build({ ...options, write: false });
    const sizes = result.outputFiles.map((file) => [path.basename(file.path), gzipSync(file.contents, { level: 9 }).length]);
    const [words, always] = [true, false].map((wanted) => sizes.filter(([file]) => file.startsWith("words-") === wanted).map(([, it]) => it));
    const size = always.reduce((sum, it) => sum + it, Math.max(0, ...words));
    const verdict = size <= bytes ? "fits" : "TOO LARGE";
    console.log(`${name}: ${size} of ${bytes} bytes after gzip, ${verdict}`);
    fits &&= size <= bytes;
  }
  return fits;
}

const passed = await runTests();
const fits = await sizesFit();
process.exitCode = passed && fits ? 0 : 1;
