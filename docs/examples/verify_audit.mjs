// Checks a dump of `aoi audit export` with node's own crypto and nothing of AOI:
//   node verify_audit.mjs dump.jsonl keyring.json
// Prints a line for each finding; exits with 0 when there is none, else with 1 (2: not called so).
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

// RFC 8785: members by UTF-16 code units, numbers and strings as ECMAScript prints them
const canonical = (value) => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
};
// the fixed form of a time: UTC with six decimals
const fixed = (text) => {
  const [, head, fraction = ""] = /^(.{19})(?:\.(\d+))?Z$/.exec(text);
  return `${head}.${fraction.padEnd(6, "0")}Z`;
};
const without = (fact, ...names) =>
  Object.fromEntries(Object.entries(fact).filter(([name]) => !names.includes(name)));

if (process.argv.length !== 4) {
  console.error("usage: node verify_audit.mjs DUMP.jsonl KEYRING.json   (DUMP: of `aoi audit export`)");
  process.exit(2);
}
const lines = readFileSync(process.argv[2], "utf8").split("\n").filter((line) => line.trim());
const { keys } = JSON.parse(readFileSync(process.argv[3], "utf8"));
const keysOf = (writer) =>
  keys
    .filter((key) => key.name === writer.split("/")[0] && key.purposes.includes("audit") && !key.revoked)
    .map(({ public_key: raw }) =>
      // SPKI (RFC 8410) is a fixed prefix and the 32 bytes
      createPublicKey({
        key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.from(raw, "base64")]),
        format: "der",
        type: "spki",
      }),
    );
const signed = (writer, bytes, signature) =>
  keysOf(writer).some((key) => verify(null, bytes, key, Buffer.from(signature, "base64")));

let findings = 0;
const tell = (kind, writer, index, expected, actual) => {
  findings += 1;
  console.log(`${kind} ${writer} #${index}: expected ${expected}, got ${actual}`);
};
const last = new Map(); // writer -> its last record
const hashes = new Map(); // writer and number -> hash
const heads = [];
for (const { topic, fact } of lines.map((line) => JSON.parse(line))) {
  if (topic === "audit.heads") {
    heads.push(fact);
    continue;
  }
  const { writer, index, previous, hash, signature, at } = fact;
  const hashed = without(fact, "hash", "signature", ...(at == null ? ["at"] : []));
  const content = canonical(at == null ? hashed : { ...hashed, at: fixed(at) });
  const digest = createHash("sha256").update(content, "utf8").digest("hex");
  if (digest !== hash) tell("changed", writer, index, digest, hash);
  const bytes = Buffer.concat([Buffer.from("AOI-audit-v1\n"), Buffer.from(hash, "hex")]);
  if (!signed(writer, bytes, signature)) tell("unsigned", writer, index, "its writer's signature", signature);
  const before = last.get(writer) ?? { index: -1, hash: "0".repeat(64) };
  if (index !== before.index + 1) tell("gap", writer, before.index + 1, "this record", `record ${index}`);
  else if (previous !== before.hash) tell("broken_link", writer, index, before.hash, previous);
  last.set(writer, fact);
  hashes.set(`${writer} ${index}`, hash);
}
for (const { signature, ...head } of heads) {
  const { writer, index, hash } = head;
  const bytes = Buffer.from(`AOI-audit-head-v1\n${canonical({ ...head, at: fixed(head.at) })}`, "utf8");
  if (!signed(writer, bytes, signature)) tell("forged_head", writer, index, "its writer's signature", signature);
  else if (index > (last.get(writer)?.index ?? -1)) tell("truncated", writer, index, hash, "no record");
  else if (hashes.get(`${writer} ${index}`) !== hash)
    tell("rewritten", writer, index, hash, hashes.get(`${writer} ${index}`));
}
console.log(`${findings} findings in ${hashes.size} records of ${last.size} writers`);
process.exitCode = findings ? 1 : 0;
