package lab_test

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/approval/webhook"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/outlet"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/internal/lab"
)

const forwardRules = `
gateway {
  name = "gate"
  wireguard {
    listen = ":0"
  }
  dashboard {
    listen = "localhost:0"
  }
  forward "siem" {
    syslog = "siem.example.com:6514"
    ca     = "upstreams.pem"
  }
  forward "lake" {
    webhook = "https://lake.example.com/in?key=of-its-own"
    secret  = secret.lake
  }
}

service "shop" {
  hosts = ["shop.example.com"]
  tls   = { ca = file("upstreams.pem") }
}

role "buyer" { use = [service.shop] }
`

// The records of what an agent did are handed to a syslog server and to a webhook
// as they stand in the log, and operators see how far each is.
func TestRecordsAreForwarded(t *testing.T) {
	l := lab.New(t, forwardRules)
	const key = "0123456789abcdef0123456789abcdef"
	l.Secret("lake", key)
	l.HTTPS("shop.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	var mu sync.Mutex
	got := map[string][]string{}
	keep := func(to, line string) {
		mu.Lock()
		defer mu.Unlock()
		got[to] = append(got[to], line)
	}
	proof := l.Proof("siem.example.com")
	l.TCP("siem.example.com", func(c net.Conn) {
		in := bufio.NewReader(tls.Server(c, proof))
		for {
			n, err := in.ReadString(' ')
			if err != nil {
				return
			}
			size, err := strconv.Atoi(strings.TrimSpace(n))
			if err != nil {
				keep("siem", "no frame: "+n)
				return
			}
			m := make([]byte, size)
			if _, err := io.ReadFull(in, m); err != nil {
				return
			}
			keep("siem", string(m))
		}
	})
	l.HTTPS("lake.example.com", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if _, bad := webhook.Verify(r.Header, []byte(key), time.Now(), body); err != nil || bad != nil {
			keep("lake", "not signed")
		}
		for line := range strings.Lines(string(body)) {
			keep("lake", strings.TrimSpace(line))
		}
	}))
	agent := l.Agent("laptop").HTTP()
	for i := range 5 {
		resp, err := agent.Get("https://shop.example.com/" + strconv.Itoa(i))
		must(t, err)
		resp.Body.Close()
	}
	records := l.Records("service:shop", 5)
	slices.SortFunc(records, func(a, b audit.Record) int { return cmp.Compare(a.Seq, b.Seq) }) // as they were kept
	var want []string
	for _, r := range records {
		b, err := json.Marshal(r)
		must(t, err)
		want = append(want, string(b))
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		mu.Lock()
		done := len(got["siem"]) >= 5 && len(got["lake"]) >= 5
		mu.Unlock()
		if done {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v\n%s", got, l.Logs)
		}
	}
	mu.Lock()
	for i, w := range want {
		if got["lake"][i] != w {
			t.Errorf("lake got %s\nwant %s", got["lake"][i], w)
		}
		if head, text, _ := strings.Cut(got["siem"][i], "] {"); !strings.HasPrefix(head, "<110>1 2") || !strings.Contains(head, " gate sallyport - allow [origin ") || "{"+text != w {
			t.Errorf("siem got %s\nwant %s", got["siem"][i], w)
		}
	}
	mu.Unlock()
	ana := login(t, l, "ana", route.Viewer)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		_, text := ana.call("GET", "/api/v1/outlets", nil)
		var list []outlet.Outlet
		must(t, json.Unmarshal([]byte(text), &list))
		if len(list) == 2 && list[0].Name == "lake" && list[0].Target == "https://lake.example.com" && list[1].Target == "tls://siem.example.com:6514" && list[0].Records.Behind == 0 && list[1].Records.Behind == 0 && list[1].Records.Arrived >= 5 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(text)
		}
	}
	l.Reload(strings.Replace(forwardRules, `forward "siem" {`, `forward "other" {`, 1))
	if _, text := ana.call("GET", "/api/v1/outlets", nil); strings.Contains(text, `"siem"`) || !strings.Contains(text, `"other"`) {
		t.Errorf("the other configuration: %s", text)
	}
}
