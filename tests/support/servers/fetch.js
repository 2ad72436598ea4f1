// Requests by Node's fetch, one after the other: arguments are the beginning of all addresses, then METHOD PATH BODY_BYTES each.
// Prints a line of JSON: [status, bytes of the reply, its text if it is short] for each.
async function main() {
  const [base, ...words] = process.argv.slice(2);
  const told = [];
  for (let at = 0; at < words.length; at += 3) {
    const size = Number(words[at + 2]);
    const reply = await fetch(base + words[at + 1], { method: words[at], body: size ? new Uint8Array(size) : undefined });
    const text = await reply.text();
    told.push([reply.status, text.length, text.slice(0, 20)]);
  }
  console.log(JSON.stringify(told));
}
main();
