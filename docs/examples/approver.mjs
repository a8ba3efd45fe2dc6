#!/usr/bin/env node
// Decides one request for approval, with nothing but node (18 or newer) and an Ed25519 key:
//
//   aoi approvals show ID --json | node approver.mjs KEY_FILE NAME approve|refuse | aoi approvals send
//
// KEY_FILE holds the base64 of a 32-byte seed (`aoi approvals keygen` writes one), NAME is the key's
// name in AOI's keyring. What is signed: docs/approvals.md. A request that shows something else than
// it asks for, or that has expired, is not signed: exit code 1 and the reason. Told on standard error
// is the typed act itself: the request's `words`, `line` and `risk` are signed by nobody.
import { createHash, createPrivateKey, sign } from "node:crypto";
import { readFileSync, statSync } from "node:fs";

const [keyFile, approver, verdict] = process.argv.slice(2);
const fail = (reason) => {
  console.error(reason);
  process.exit(1);
};
if (!keyFile || !approver || !["approve", "refuse"].includes(verdict)) {
  fail("usage: approver.mjs KEY_FILE NAME approve|refuse < request.json");
}
if ((statSync(keyFile).mode & 0o077) !== 0) fail(`${keyFile}: chmod 600`);

// canonical JSON (RFC 8785): no blanks, members by UTF-16 code units, numbers as ECMAScript prints
const canonical = (value) => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
};
const sha256 = (text) => createHash("sha256").update(text, "utf8").digest("hex");

// a time as it is signed: UTC, six decimals
const signedTime = (text) => {
  const [, head, fraction = ""] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:Z|\+00:00)$/.exec(text) ??
    fail(`expected a time in UTC, got ${text}`);
  return `${head}.${fraction.padEnd(6, "0")}Z`;
};

const request = JSON.parse(readFileSync(0, "utf8"));
const { action, preview } = request;

// both hashes are computed from what is shown, never copied from the request
const actionHash = sha256(canonical(action));
const orderHash = sha256(
  canonical({
    action,
    confidence: request.confidence,
    incident_namespace: request.incident_namespace,
    pods_affected: preview.pods_affected,
    rollback: preview.rollback,
    severity: request.severity,
    touched: preview.touched,
  }),
);
if (actionHash !== request.action_hash) fail("the request shows another action than it asks for");
if (orderHash !== request.order_hash) fail("the request shows another order than it asks for");
if (Date.parse(request.expires) <= Date.now()) fail(`the request expired at ${request.expires}`);

const payload = {
  approval_id: request.approval_id,
  incident_id: request.incident_id,
  action_hash: actionHash,
  order_hash: orderHash,
  verdict,
  approver,
  not_before: signedTime(request.requested_at),
  expires: signedTime(request.expires),
  cluster: request.cluster,
  policy_version: request.policy_version,
};

// PKCS #8 (RFC 8410) of an Ed25519 key is a fixed prefix and the seed
const seed = Buffer.from(readFileSync(keyFile, "utf8").trim(), "base64");
if (seed.length !== 32) fail(`${keyFile}: expected the base64 of 32 bytes`);
const key = createPrivateKey({
  key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]),
  format: "der",
  type: "pkcs8",
});
// ASCII alone: no character of a name or a manifest may turn or hide what stands beside it
const told = (value) =>
  canonical(value).replace(/[^\x20-\x7e]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
console.error(`${verdict}: ${told(action)}`);
console.error(`rollback: ${told(preview.rollback)}`);
console.error(`touches: ${told(preview.touched)}`);

const signed = Buffer.from(`AOI-approval-v1\n${canonical(payload)}`, "utf8");
console.log(JSON.stringify({ payload, signature: sign(null, signed, key).toString("base64") }));
