/**
 * `node banks.mjs FILE SEED...`: for each seed the bank that `prism mock -d --seed SEED FILE` serves, all in one
 * process, for reading the file takes longer than all the answers. Prints their addresses as JSON on one line, and
 * ends with its input.
 */
import prismCore from "@stoplight/prism-core";
import prismHttp from "@stoplight/prism-http";
import prismServer from "@stoplight/prism-http-server";

const [file, ...seeds] = process.argv.slice(2);
const operations = await prismHttp.getHttpOperationsFromSpec(file);
const logger = prismCore.createLogger("bank", { level: "silent" });
const addresses = {};
for (const seed of seeds) {
  const config = {
    isProxy: false,
    validateRequest: true,
    validateResponse: true,
    checkSecurity: true,
    errors: false,
    upstreamProxy: undefined,
    mock: { dynamic: true, ignoreExamples: false, seed },
  };
  const bank = prismServer.createServer(operations, { cors: false, config, components: { logger } });
  addresses[seed] = new URL(await bank.listen(0, "127.0.0.1")).host;
}
console.log(JSON.stringify(addresses));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
