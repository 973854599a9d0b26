package http

import (
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/notrun"

	"github.com/gorilla/websocket"
)

// chatter is a client that offers compression, says what it agreed on, and prints what
// it hears: one line a message.
const chatter = `
import asyncio, ssl, sys, websockets
async def main(port, ca):
    context = ssl.create_default_context(cafile=ca)
    async with websockets.connect("wss://api.example/ws", host="127.0.0.1", port=port, ssl=context, server_hostname="api.example", compression="deflate", open_timeout=60, ping_interval=None) as ws:
        print("extensions", [e.name for e in ws.extensions])
        for text in ["short", "long", "binary", "ping"]:
            await ws.send(text)
            got = await asyncio.wait_for(ws.recv(), 60)
            print(text, got if isinstance(got, str) else got.hex())
        await ws.send("bye")
        try:
            await asyncio.wait_for(ws.recv(), 60)
        except websockets.ConnectionClosed as e:
            print("bye", e.rcvd.code, e.rcvd.reason)
asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
`

// answering is an origin that would compress, and hands back what was injected.
func answering(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{EnableCompression: true, WriteBufferSize: 24} // of which every message fills many frames
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	c.EnableWriteCompression(true)
	key := r.Header.Get("X-Key")
	for {
		_, b, err := c.ReadMessage()
		if err != nil {
			return
		}
		switch string(b) {
		case "short":
			err = c.WriteMessage(websocket.TextMessage, []byte(key))
		case "long":
			err = c.WriteMessage(websocket.TextMessage, []byte(strings.Repeat("<", 500)+key+strings.Repeat(">", 500)))
		case "binary":
			err = c.WriteMessage(websocket.BinaryMessage, []byte(key+"\x00"+key))
		case "ping":
			if err = c.WriteControl(websocket.PingMessage, []byte(key), time.Now().Add(time.Minute)); err == nil {
				err = c.WriteMessage(websocket.TextMessage, []byte("pinged"))
			}
		case "bye":
			err = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4000, key), time.Now().Add(time.Minute))
		}
		if err != nil {
			return
		}
	}
}

// T31: a stock client of WebSockets gets every message, and the secret in none; nothing
// is compressed on the way, whatever both ends would like.
func TestT31_WebSocketClients(t *testing.T) {
	const python = "/usr/bin/python3"
	if _, err := os.Stat("/usr/lib/python3/dist-packages/websockets"); err != nil {
		notrun.Skip(t, "the Python package websockets is not installed (python3-websockets)")
	}
	b := injecting(t, answering)
	b.host = "api.example"
	root := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.ca.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(b.listen())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, python, "-c", chatter, port, root).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	stars := strings.Repeat("*", len(awkward))
	hex := fmt.Sprintf("%x", stars)
	want := strings.Join([]string{
		"extensions []", "short " + stars, "long " + strings.Repeat("<", 500) + stars + strings.Repeat(">", 500),
		"binary " + hex + "00" + hex, "ping pinged", "bye 4000 " + stars, "",
	}, "\n")
	if string(out) != want {
		t.Errorf("it hears\n%s\nand not\n%s", out, want)
	}
}

// T31: an origin that compresses unasked, or sends what is no frame, is cut off.
func TestT31_AWebSocketThatCannotBeSearched(t *testing.T) {
	b := injecting(t, nil)
	for name, tt := range map[string]struct{ head, body, want string }{
		"an extension":    {"Sec-WebSocket-Extensions: permessage-deflate\r\n", "", "502"},
		"a masked frame":  {"", "\x81\x85abcdhello", "101"},
		"no frame at all": {"", "HTTP/1.1 200 OK\r\n\r\n" + awkward, "101"},
	} {
		b.rawOrigin(func(c net.Conn) {
			fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n%s\r\n%s", tt.head, tt.body)
		})
		c := b.tlsDial("http/1.1")
		if _, err := c.Write([]byte(handshake)); err != nil {
			t.Fatal(err)
		}
		end := "" // the gateway hangs up
		if tt.want == "502" {
			end = "next_step"
		}
		got := until(t, c, end)
		if !strings.HasPrefix(got, "HTTP/1.1 "+tt.want) || strings.Contains(got, "hello") || strings.Contains(got, awkward) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
