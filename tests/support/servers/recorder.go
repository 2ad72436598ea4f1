// Answers every request with what it was, as JSON in base64 in the header X-Seen. Listens at the path of a Unix socket, its one argument.
package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
)

func main() {
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		panic(err)
	}
	panic(http.Serve(listener, http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		seen, _ := json.Marshal(map[string]string{
			"method": request.Method, "target": request.RequestURI, "host": request.Host, "body": base64.StdEncoding.EncodeToString(body),
		})
		response.Header().Set("X-Seen", base64.StdEncoding.EncodeToString(seen))
		response.Header().Set("Content-Length", "0")
	})))
}
