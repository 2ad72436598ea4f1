// Answers every request with what it was, as JSON in base64 in the header X-Seen. Listens at the path of a Unix socket, its one argument.
const http = require("node:http");

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts).toString("base64");
    const seen = { method: request.method, target: request.url, host: request.headers.host, body };
    response.setHeader("X-Seen", Buffer.from(JSON.stringify(seen)).toString("base64"));
    response.end();
  });
});
server.listen(process.argv[2]);
