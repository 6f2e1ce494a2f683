// verify.js against proofs of a real ledger (cases.json, written by console.rs) and against trees of every shape built here.
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign, webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "node:test";
import { parseProof, verify } from "./verify.js";

const cases = JSON.parse(readFileSync("cases.json", "utf8"));
const records = cases.flatMap(({ key, personal, records }) => records.map((record) => ({ ...record, key, how: personal })));
const parts = (record) => ({ ...parseProof(record.proof), id: record.id, key: record.key });
const states = (outcome) => Object.fromEntries(outcome.steps.map((step) => [step.name, step.state]));
const failed = (outcome) => outcome.steps.filter((step) => step.state === "fail").map((step) => step.name);

/// The same base64 with one bit of one byte turned.
function turned(base64, at = 20) {
  const bytes = Buffer.from(base64, "base64");
  bytes[Math.min(at, bytes.length - 1)] ^= 1;
  return bytes.toString("base64");
}

test("every record of a real ledger is proven, from the proof's text and from its parts", async () => {
  const kinds = new Set();
  for (const record of records) {
    for (const input of [record, parts(record)]) {
      const outcome = await verify(input);
      assert.equal(outcome.state, "proven", JSON.stringify(outcome.steps));
      assert.ok(outcome.steps.every((step) => step.state === "pass"));
    }
    kinds.add(record.kind);
  }
  assert.ok(kinds.has("decision") && kinds.has("outcome"));
});

test("the document comes from the bytes that were checked", async () => {
  const record = records.find((one) => one.kind === "decision");
  const { document } = await verify(record);
  assert.equal(JSON.parse(document).decision.id, record.id);
  const lying = await verify({ ...parts(record), document: turned(parts(record).document) });
  assert.equal(lying.document, undefined);
});

test("a personal part is checked in clear and in ciphertext, and may be left out", async () => {
  for (const how of ["clear", "sealed"]) {
    const record = records.find((one) => one.how === how && parts(one).personal !== undefined);
    const { personal, ...without } = parts(record);
    const sealed = JSON.parse(Buffer.from(without.envelope, "base64")).subject_key !== undefined;
    assert.equal(sealed, how === "sealed");
    assert.equal((await verify(record)).state, "proven");
    assert.deepEqual(failed(await verify({ ...without, personal: turned(personal) })), ["personal"]);
    const outcome = await verify(without);
    assert.equal(outcome.state, "proven");
    assert.equal(states(outcome).personal, "skip");
  }
});

test("what was tampered with is found at the step that says so", async () => {
  const record = records.filter((one) => one.kind === "decision").at(3);
  const good = parts(record);
  const checkpoint = good.checkpoint.split("\n");
  const changed = (line, to) => checkpoint.map((text, at) => (at === line ? to : text)).join("\n");
  const signature = checkpoint[4].split(" ");
  const envelope = Buffer.from(good.envelope, "base64").toString();
  const other = records.find((one) => one.how !== record.how);
  // Base64 has plus signs of its own.
  const [name, id, ...rest] = good.key.split("+");
  const tampered = [
    ["document", { document: turned(good.document) }, ["document"]],
    ["salt", { document: turned(good.document, 0) }, ["document"]],
    ["envelope", { envelope: Buffer.from(envelope.replace('"v":1', '"v":2')).toString("base64") }, ["root"]],
    ["verdict", { envelope: Buffer.from(envelope.replace(/"verdict":"\w+"/, '"verdict":"allowed"')).toString("base64") }, ["root"]],
    ["first hash", { hashes: good.hashes.map((hash, at) => (at === 0 ? turned(hash) : hash)) }, ["root"]],
    ["last hash", { hashes: good.hashes.map((hash, at) => (at === good.hashes.length - 1 ? turned(hash) : hash)) }, ["root"]],
    ["hash too few", { hashes: good.hashes.slice(1) }, ["leaf", "root"]],
    ["hash too many", { hashes: [...good.hashes, good.hashes[0]] }, ["leaf", "root"]],
    ["index", { index: String(Number(good.index) + 1) }, ["root"]],
    ["index beyond", { index: "18446744073709551615" }, ["leaf", "root"]],
    ["id", { id: "00000000-0000-7000-8000-000000000000" }, ["record"]],
    ["size", { checkpoint: changed(1, String(Number(checkpoint[1]) * 2)) }, ["leaf", "root", "signature"]],
    ["root", { checkpoint: changed(2, turned(checkpoint[2])) }, ["root", "signature"]],
    ["origin", { checkpoint: changed(0, "elsewhere.example/log") }, ["key", "signature"]],
    ["signature", { checkpoint: changed(4, `${signature[0]} ${signature[1]} ${turned(signature[2])}`) }, ["signature"]],
    ["signature's key", { checkpoint: changed(4, `${signature[0]} ${signature[1]} ${turned(signature[2], 0)}`) }, ["signature"]],
    ["key", { key: `${name}+${id}+${turned(rest.join("+"))}` }, ["key", "signature"]],
    ["another log's key", { key: other.key }, ["key", "signature"]],
    ["another size", { size: "7" }, ["read"]],
    ["base64", { envelope: good.envelope.replace(/=*$/, "!") }, ["read"]],
    ["no checkpoint", { checkpoint: undefined }, ["read"]],
  ];
  for (const [what, change, steps] of tampered) {
    const outcome = await verify({ ...good, ...change });
    assert.equal(outcome.state, "failed", what);
    assert.deepEqual(failed(outcome), steps, `${what}: ${JSON.stringify(outcome.steps)}`);
  }
});

test("the proof of one record proves no other", async () => {
  const [first, second] = records.filter((one) => one.kind === "decision");
  const outcome = await verify({ ...parts(first), envelope: parts(second).envelope, document: parts(second).document, personal: parts(second).personal, id: second.id });
  assert.deepEqual(failed(outcome), ["root"]);
});

test("a browser without Ed25519 says so and proves the rest", async () => {
  const subtle = { digest: (...all) => webcrypto.subtle.digest(...all), importKey: () => Promise.reject(new Error("NotSupportedError")) };
  const outcome = await verify(records[0], subtle);
  assert.equal(outcome.state, "partial");
  assert.deepEqual(states(outcome), { read: "pass", record: "pass", document: "pass", personal: "pass", leaf: "pass", root: "pass", key: "pass", signature: "skip" });
});

test("a page that is no secure context says so and proves nothing", async () => {
  const outcome = await verify(records[0], null);
  assert.equal(outcome.state, "partial");
  assert.deepEqual([states(outcome).record, states(outcome).leaf, states(outcome).signature], ["pass", "skip", "skip"]);
  const lying = await verify({ ...parts(records[0]), id: "00000000-0000-7000-8000-000000000000" }, null);
  assert.equal(lying.state, "failed");
});

// === A tree built as RFC 6962, 2.1 has it, by recursion ===

const sha = (...bytes) => bytes.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const split = (size) => 2 ** Math.floor(Math.log2(size - 1));

function root(leaves) {
  if (leaves.length === 1) return leaves[0];
  const k = split(leaves.length);
  return sha(Buffer.of(1), root(leaves.slice(0, k)), root(leaves.slice(k)));
}

function path(index, leaves) {
  if (leaves.length === 1) return [];
  const k = split(leaves.length);
  return index < k ? [...path(index, leaves.slice(0, k)), root(leaves.slice(k))] : [...path(index - k, leaves.slice(k)), root(leaves.slice(0, k))];
}

function log(size) {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const name = "log.example/naive";
  const id = sha(`${name}\n`, Buffer.of(1), raw).subarray(0, 4);
  const envelopes = Array.from({ length: size }, (_, at) => Buffer.from(JSON.stringify({ id: `record-${at}`, v: 1 })));
  const leaves = envelopes.map((envelope) => sha(Buffer.of(0), envelope));
  const signed = `${name}\n${size}\n${root(leaves).toString("base64")}\n`;
  const line = Buffer.concat([id, sign(null, Buffer.from(signed), privateKey)]).toString("base64");
  const checkpoint = `${signed}\n\u2014 other.example AAAAAAECAw==\n\u2014 ${name} ${line}\n`;
  const key = `${name}+${id.toString("hex")}+${Buffer.concat([Buffer.of(1), raw]).toString("base64")}`;
  const proof = (at) => ({ id: `record-${at}`, envelope: envelopes[at].toString("base64"), index: at, size, hashes: path(at, leaves).map((hash) => hash.toString("base64")), checkpoint, key });
  return { proof };
}

test("every record of trees of every shape is proven, and at no other place", async () => {
  for (const size of [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33]) {
    const { proof } = log(size);
    for (let at = 0; at < size; at += 1) {
      const outcome = await verify(proof(at));
      assert.equal(outcome.state, "proven", `${at} of ${size}: ${JSON.stringify(outcome.steps)}`);
      if (size > 1) assert.equal((await verify({ ...proof(at), index: (at + 1) % size })).state, "failed", `${at} of ${size}`);
    }
  }
});

test("a note is read as the standard has it, and another witness's signature is named, not believed", async () => {
  const good = log(3).proof(1);
  const outcome = await verify(good);
  assert.match(JSON.stringify(outcome.steps), /not checked here.*other\.example/);
  for (const checkpoint of [good.checkpoint.slice(0, -1), good.checkpoint.replaceAll("\n\n", "\n"), good.checkpoint.replaceAll("\u2014", "-"), `${good.checkpoint}\u0007\n`, good.checkpoint.replace("\n3\n", "\n03\n"), good.checkpoint.split("\u2014 log")[0]]) {
    assert.equal((await verify({ ...good, checkpoint })).state, "failed", checkpoint);
  }
});
