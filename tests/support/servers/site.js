// The same site by Node: GET /open/N gives N bytes in chunks, POST /open/upload tells how many came. Arguments: address, port.
const http = require("node:http");

http.createServer((request, response) => {
  let count = 0;
  request.on("data", (part) => { count += part.length; });
  request.on("end", () => {
    if (request.method === "POST") {
      response.end(String(count));
      return;
    }
    response.write("x".repeat(Number(request.url.split("/").pop())));
    response.end();
  });
}).listen(Number(process.argv[3]), process.argv[2]);
