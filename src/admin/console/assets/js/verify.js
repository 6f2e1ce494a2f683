// A record's proof, checked in the reader's own browser with WebCrypto alone: no word of the server is taken for it.
//
// The bytes are those of docs/ledger-format.md; the rules are RFC 6962 2.1 (hashes), RFC 9162 2.1.3.2 (inclusion), C2SP signed-note,
// tlog-checkpoint and tlog-proof. Input of `verify`, with standard base64 throughout:
//   { id, envelope, document?, personal?, index, size?, hashes: [..], checkpoint, key }
// or { id, proof, key } with the text that `interdict ledger prove` writes. `personal` is the part as it lies in the ledger: in
// ciphertext if the envelope has `subject_key`. Answer: { state: "proven" | "partial" | "failed", steps, document? }, each step
// { name, title, state: "pass" | "fail" | "skip", detail, values: [[name, value], ..] }.

const MARK = "\u2014 ";
const ED25519 = 0x01;
const MAX_HASHES = 64;
const MAX_SIGNATURES = 64;
const U64 = 1n << 64n;

export async function verify(input, crypto = globalThis.crypto?.subtle) {
  const steps = [];
  const record = { digest: null, document: null };
  const step = async (name, title, work) => {
    let result;
    try {
      result = await work();
    } catch (error) {
      result = fail(error instanceof Fault ? error.message : `This could not be read: ${error.message}`);
    }
    steps.push({ name, title, values: [], ...result });
    return result.state === "pass";
  };
  const unhashed = () => skip("This browser does not calculate hashes on a page that was not opened over HTTPS or on this computer itself. Open the console over HTTPS, or check the proof with `interdict`.");

  let given;
  const read = await step("read", "The proof can be read", () => {
    given = normal(input);
    return pass("It has all its parts.", [["Record", given.id ?? given.envelope.id ?? "none"], ["Position in the ledger", String(given.index)]]);
  });
  if (!read) return { state: "failed", steps };

  await step("record", "It is the proof of this record", () => {
    const found = given.envelope.id;
    if (given.id !== undefined && given.id !== found) return fail("The proof is of another record.", [["Asked for", given.id], ["In the proof", String(found)]]);
    return pass("The record's envelope bears its number.", [["Number", String(found)], ["Made", String(given.envelope.time)], ["Verdict", String(given.envelope.verdict ?? "none")]]);
  });

  for (const [name, member, title, what] of [
    ["document", "evidence", "The decision and its evidence are as they were recorded", "document"],
    ["personal", "personal", "The personal details are as they were recorded", "personal part"],
  ]) {
    await step(name, title, async () => {
      const expected = given.envelope[member];
      const part = given[name];
      if (expected === undefined) return part === undefined ? pass(`The record has no ${what}.`) : fail(`The record has no ${what}, and yet one was shown.`);
      if (part === undefined) return skip(name === "personal" ? "They are not shown to you, or were erased. Their hash is proved all the same." : "It was left out of this proof. Its hash is proved all the same.", [["Hash in the envelope", expected]]);
      if (!crypto) return unhashed();
      const computed = encode(await sha256(crypto, part));
      const values = [["Hash in the envelope", expected], ["Hash calculated here", computed]];
      if (computed !== expected) return fail("What is shown is not what was recorded.", values);
      if (name === "document") record.document = new TextDecoder().decode(part.subarray(16));
      const sealed = name === "personal" && given.envelope.subject_key !== undefined;
      return pass(sealed ? "The hash of the encrypted details is the one in the envelope." : "The hash calculated here is the one in the envelope.", values);
    });
  }

  let root = null;
  await step("leaf", "The record has its place in the ledger", async () => {
    if (!crypto) return unhashed();
    const leaf = await sha256(crypto, Uint8Array.of(0), given.envelopeBytes);
    root = await climb(crypto, given.index, given.checkpoint.size, leaf, given.hashes);
    const values = [["Position", `${given.index} of ${given.checkpoint.size}`], ["Hash of the record", encode(leaf)], ["Hashes on the way up", String(given.hashes.length)], ["Root calculated here", encode(root)]];
    return pass("From the record, hash by hash, one root is reached.", values);
  });

  await step("root", "That root is the one the ledger has published", () => {
    if (!crypto) return unhashed();
    if (root === null) return fail("There is no root to compare.");
    const values = [["Root calculated here", encode(root)], ["Root in the checkpoint", encode(given.checkpoint.root)], ["Ledger", given.checkpoint.origin]];
    return same(root, given.checkpoint.root) ? pass("Both are equal: the record is in the ledger, unchanged.", values) : fail("The record does not lead to the published root.", values);
  });

  const known = await step("key", "The ledger's key is sound", async () => {
    const values = [["Ledger", given.key.name], ["Key", given.key.text]];
    if (given.key.name !== given.checkpoint.origin) return fail("The key is of another ledger than the checkpoint.", [...values, ["Checkpoint of", given.checkpoint.origin]]);
    if (!crypto) return unhashed();
    const computed = (await sha256(crypto, text(`${given.key.name}\n`), Uint8Array.of(ED25519), given.key.bytes)).subarray(0, 4);
    if (!same(computed, given.key.id)) return fail("The key does not have the number that it says.", values);
    return pass("Compare it with the key that you were given when the ledger began: a key proves its own ledger only.", values);
  });

  await step("signature", "The ledger has signed it", async () => {
    if (!crypto) return unhashed();
    if (!known) return fail("There is no key to check the signature with.");
    const own = given.note.signatures.filter((one) => one.name === given.key.name && same(one.id, given.key.id));
    if (own.length === 0) return fail("The checkpoint is not signed by this key.");
    let key;
    try {
      key = await crypto.importKey("raw", given.key.bytes, { name: "Ed25519" }, false, ["verify"]);
    } catch {
      return skip("This browser cannot check Ed25519 signatures. Current versions of Chrome, Edge, Firefox and Safari can.");
    }
    for (const one of own) {
      const good = await crypto.verify({ name: "Ed25519" }, key, one.bytes, text(given.note.text));
      if (!good) return fail("The signature is false: this checkpoint is not the ledger's.");
    }
    const others = given.note.signatures.filter((one) => !own.includes(one)).map((one) => one.name);
    return pass("The signature is that of the ledger's key.", others.length > 0 ? [["Also signed by (not checked here)", others.join(", ")]] : []);
  });

  const failed = steps.some((one) => one.state === "fail");
  // That a part is not shown takes nothing from the proof of the rest.
  const missing = steps.some((one) => one.state === "skip" && (one.name !== "personal" || !crypto));
  return { state: failed ? "failed" : missing ? "partial" : "proven", steps, document: record.document ?? undefined };
}

/// Index, hashes, checkpoint and parts of a C2SP tlog-proof.
export function parseProof(proof) {
  const end = proof.indexOf("\n\n");
  if (end < 0) throw new Fault("The proof has no checkpoint.");
  const lines = proof.slice(0, end).split("\n");
  if (lines.shift() !== "c2sp.org/tlog-proof@v1") throw new Fault("This is no proof of a record.");
  const extra = lines[0]?.startsWith("extra ") ? JSON.parse(utf8(decode(lines.shift().slice(6), "extra"))) : {};
  const index = /^index (.*)$/.exec(lines.shift() ?? "")?.[1];
  return { ...extra, index, hashes: lines, checkpoint: proof.slice(end + 2) };
}

/// The input with its parts read; nothing of it is verified.
function normal(input) {
  const all = typeof input.proof === "string" ? { ...parseProof(input.proof), id: input.id, key: input.key } : input;
  const envelopeBytes = decode(all.envelope, "envelope");
  const envelope = JSON.parse(utf8(envelopeBytes));
  const note = parseNote(all.checkpoint);
  const checkpoint = parseCheckpoint(note.text);
  const index = integer(all.index, "index");
  if (all.size !== undefined && all.size !== null && integer(all.size, "size") !== checkpoint.size) throw new Fault("The proof and its checkpoint are of ledgers of different sizes.");
  if (!Array.isArray(all.hashes) || all.hashes.length > MAX_HASHES) throw new Fault("The proof has no list of hashes, or too long a one.");
  const optional = (part, name) => (part === undefined || part === null ? undefined : decode(part, name));
  return {
    id: all.id ?? undefined,
    envelope,
    envelopeBytes,
    document: optional(all.document, "document"),
    personal: optional(all.personal, "personal"),
    index,
    hashes: all.hashes.map((hash, at) => decode(hash, `hash ${at + 1}`, 32)),
    note,
    checkpoint,
    key: parseKey(String(all.key ?? "").trim()),
  };
}

/// C2SP signed-note.
export function parseNote(note) {
  if (typeof note !== "string" || /[\u0000-\u0009\u000b-\u001f]/.test(note)) throw new Fault("The checkpoint has characters that none may have.");
  const end = note.lastIndexOf("\n\n");
  if (end < 0 || !note.endsWith("\n") || note.length < end + 3) throw new Fault("The checkpoint has no signature.");
  const lines = note.slice(end + 2, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) throw new Fault("The checkpoint has too many signatures.");
  const signatures = lines.map((line) => {
    const parts = /^\u2014 ([^\s+]+) (\S+)$/u.exec(line);
    if (!parts || !line.startsWith(MARK)) throw new Fault("A signature of the checkpoint cannot be read.");
    const bytes = decode(parts[2], "signature");
    if (bytes.length < 5) throw new Fault("A signature of the checkpoint is too short.");
    return { name: parts[1], id: bytes.subarray(0, 4), bytes: bytes.subarray(4) };
  });
  return { text: note.slice(0, end + 1), signatures };
}

/// C2SP tlog-checkpoint: origin, size, root.
function parseCheckpoint(signed) {
  const lines = signed.slice(0, -1).split("\n");
  if (lines.length < 3 || lines.some((line) => line === "")) throw new Fault("The checkpoint does not have origin, size and root.");
  return { origin: lines[0], size: integer(lines[1], "size"), root: decode(lines[2], "root", 32) };
}

/// `<name>+<8 hexadecimal digits>+<base64 of 0x01 and 32 bytes>`; base64 may have plus signs of its own.
export function parseKey(vkey) {
  const parts = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/u.exec(vkey);
  if (!parts) throw new Fault("The ledger's key cannot be read.");
  const bytes = decode(parts[3], "key");
  if (bytes[0] !== ED25519 || bytes.length !== 33) throw new Fault("The ledger's key is not an Ed25519 key.");
  const id = Uint8Array.from(parts[2].match(/../g), (two) => parseInt(two, 16));
  return { name: parts[1], id, bytes: bytes.subarray(1), text: vkey };
}

/// The root that leaf and path lead to (RFC 9162, 2.1.3.2).
async function climb(crypto, index, size, leaf, path) {
  if (index >= size) throw new Fault(`Record ${index} is not in a ledger of ${size} records.`);
  let node = index;
  let last = size - 1n;
  let hash = leaf;
  for (const sibling of path) {
    if (last === 0n) throw new Fault("The proof has too many hashes.");
    if (node % 2n === 1n || node === last) {
      hash = await sha256(crypto, Uint8Array.of(1), sibling, hash);
      // The last of an uneven row has no sibling, and stands as it is in the row above.
      while (node % 2n === 0n && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      hash = await sha256(crypto, Uint8Array.of(1), hash, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  if (last !== 0n) throw new Fault("The proof has too few hashes.");
  return hash;
}

async function sha256(crypto, ...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.digest("SHA-256", whole));
}

/// What is wrong with the input, in words for the reader.
class Fault extends Error {}

const pass = (detail, values = []) => ({ state: "pass", detail, values });
const fail = (detail, values = []) => ({ state: "fail", detail, values });
const skip = (detail, values = []) => ({ state: "skip", detail, values });

/// Standard base64 with padding, in its only spelling.
function decode(base64, name, length) {
  if (typeof base64 !== "string") throw new Fault(`The proof has no ${name}.`);
  let bytes;
  try {
    bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  } catch {
    throw new Fault(`The ${name} is not base64.`);
  }
  if (encode(bytes) !== base64) throw new Fault(`The ${name} is not base64 in its one spelling.`);
  if (length !== undefined && bytes.length !== length) throw new Fault(`The ${name} has ${bytes.length} bytes instead of ${length}.`);
  return bytes;
}

function encode(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/// A number below 2^64, as JSON has it or in decimal text: beyond 2^53 only text is exact.
function integer(value, name) {
  const written = typeof value === "number" && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof written !== "string" || !/^(0|[1-9]\d{0,19})$/.test(written) || BigInt(written) >= U64) throw new Fault(`The proof's ${name} is no number.`);
  return BigInt(written);
}

function same(a, b) {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

function text(string) {
  return new TextEncoder().encode(string);
}

function utf8(bytes) {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}
