package http

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// awkward has what every encoding writes otherwise.
const awkward = `s3cr3t/canary+"9f2e7a"&<x>='5'`

// echoes are the ways an origin may hand back what it was sent.
func echoes(v string) map[string]string {
	js, _ := json.Marshal(map[string]string{"authorization": "Bearer " + v})
	return map[string]string{
		"raw":    v,
		"json":   string(js),
		"base64": base64.StdEncoding.EncodeToString([]byte("user:" + v)),
		"url":    base64.RawURLEncoding.EncodeToString([]byte("x" + v)),
		"hex":    hex.EncodeToString([]byte(v)),
		"query":  url.QueryEscape(v),
		"path":   url.PathEscape(v),
	}
}

// encoders write a body in each coding an agent may ask for.
var encoders = map[string]func(io.Writer) io.WriteCloser{
	"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	"br":      func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
	"zstd":    func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z },
}

// injecting is a bench whose service has a secret.
func injecting(t *testing.T, h http.HandlerFunc) *bench {
	b := newBench(t, h)
	b.auth, b.svc.Injects = &action.Auth{Scheme: "header", Name: "X-Key", Secrets: []string{"s"}}, true
	b.secret = awkward
	return b
}

func TestT31_EchoedSecrets(t *testing.T) {
	texts := echoes(awkward)
	b := injecting(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Key") != awkward {
			t.Error("the secret was not injected")
		}
		text := "before " + texts[r.URL.Query().Get("as")] + " behind"
		w.Header().Set("Trailer", "X-Late")
		w.Header().Set("X-Echo", text)
		w.Header().Set("Location", "https://elsewhere.example/?"+url.QueryEscape(text))
		coding, whole := r.URL.Query().Get("in"), []byte(text)
		if enc := encoders[coding]; enc != nil {
			var packed bytes.Buffer
			z := enc(&packed)
			io.WriteString(z, text)
			z.Close()
			w.Header().Set("Content-Encoding", coding)
			whole = packed.Bytes()
		}
		for i := range whole { // one flush between any two bytes
			w.Write(whole[i : i+1])
			w.(http.Flusher).Flush()
		}
		w.Header().Set("X-Late", text)
	})
	for _, h2 := range []bool{false, true} {
		c := b.client(h2)
		for as, text := range texts {
			for _, in := range []string{"", "gzip", "deflate", "br", "zstd"} {
				req, _ := http.NewRequest("GET", fmt.Sprintf("https://api.example/echo?as=%s&in=%s", as, in), nil)
				req.Header.Set("Accept-Encoding", "zstd;q=1.0, br, gzip, deflate, compress")
				resp, err := c.Transport.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				var all bytes.Buffer
				resp.Header.Write(&all)
				got := body(t, resp)
				all.WriteString(got)
				resp.Trailer.Write(&all)
				if !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " behind") || len(got) != len(text)+len("before  behind") {
					t.Errorf("%s in %q: %q", as, in, got)
				}
				for _, form := range echoes(awkward) {
					if strings.Contains(all.String(), form) {
						t.Errorf("%s in %q got through:\n%s", as, in, all.String())
					}
				}
				if strings.Contains(all.String(), awkward[:14]) || !strings.Contains(resp.Trailer.Get("X-Late"), "****") {
					t.Errorf("%s in %q:\n%s", as, in, all.String())
				}
			}
		}
	}
}

// What would keep the gateway from seeing a secret whole is not asked for, or not
// handed on.
func TestT31_WhatCannotBeSearched(t *testing.T) {
	var seen http.Header
	b := injecting(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Clone()
		w.Header().Set("Set-Cookie", "session=of-the-account")
		if coding := r.URL.Query().Get("in"); coding != "" {
			w.Header().Set("Content-Encoding", coding)
		}
		if r.URL.Query().Has("part") {
			w.WriteHeader(http.StatusPartialContent)
		}
		io.WriteString(w, awkward)
	})
	c := b.client(false)
	for target, want := range map[string]int{
		"/": 200, "/?part": 206, "/?in=identity": 200,
		"/?in=compress": 502, "/?in=gzip,+gzip": 502, "/?in=dcb": 502, "/?part&in=gzip": 502,
	} {
		req, _ := http.NewRequest("GET", "https://api.example"+target, nil)
		req.Header.Set("Range", "bytes=3-9")
		req.Header.Set("If-Range", `"x"`)
		req.Header.Set("Accept-Encoding", "dcb, br;q=0.5")
		resp, err := c.Transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		got := body(t, resp)
		if resp.StatusCode != want || strings.Contains(got, awkward[:12]) || resp.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %s %v %q", target, resp.Status, resp.Header, got)
		}
		if seen.Get("Range")+seen.Get("If-Range") != "" || !slices.Equal(seen["Accept-Encoding"], []string{"br;q=0.5"}) {
			t.Errorf("the origin was asked for %v", seen)
		}
	}
}

// What an origin says where no answer is expected to say anything: in a head that
// cannot be understood, ahead of the answer, and with a switch of protocols.
func TestT31_HeadsOfOtherKinds(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"a head that is none": {"HTTP/1.1 200 OK\r\nbad " + awkward + "\r\n\r\n", "502"},
		"a status of its own": {"HTTP/1.1 " + awkward + "\r\n\r\n", "502"},
		"early hints":         {"HTTP/1.1 103 Early Hints\r\nLink: <" + awkward + ">\r\nSet-Cookie: s=1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200"},
		"another protocol":    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSet-Cookie: s=1\r\nX-Echo: " + awkward + "\r\n\r\n", "101"},
	} {
		b := bareBench(t)
		b.auth, b.svc.Injects, b.svc.PlainInjection = &action.Auth{Scheme: "header", Name: "X-Key", Secrets: []string{"s"}}, true, true
		b.secret, b.dst = awkward, b.dst80()
		l := b.loopback()
		b.server = l.Addr().String()
		go func() {
			c0, err := l.Accept()
			if err != nil {
				return
			}
			defer c0.Close()
			http.ReadRequest(bufio.NewReader(c0))
			io.WriteString(c0, c.answer)
		}()
		head := "GET / HTTP/1.1\r\nHost: api.example\r\n"
		if c.want == "101" {
			head += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		}
		got := raw(t, b.dial(context.Background()), head+"\r\n", "HTTP/1.1 "+c.want)
		if strings.Contains(got, awkward[:12]) || strings.Contains(got, "Set-Cookie") {
			t.Errorf("%s: %q", name, got)
		}
		if c.want == "101" {
			continue // it is over when both have hung up
		}
		if r := b.waitRecords(1)[0]; strings.Contains(fmt.Sprint(r.res, r.err), awkward[:12]) {
			t.Errorf("%s is recorded: %+v, %v", name, r.res, r.err)
		}
	}
}

// A service without a secret is left as it is.
func TestNothingToLeak(t *testing.T) {
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "a=1")
		w.Header().Set("Content-Encoding", "gzip")
		fmt.Fprint(w, r.Header.Get("Range")+r.Header.Get("Accept-Encoding"))
	}))
	req, _ := http.NewRequest("GET", "https://api.example/", nil)
	req.Header.Set("Range", "bytes=0-1")
	req.Header.Set("Accept-Encoding", "dcb")
	resp, err := b.client(false).Transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); got != "bytes=0-1dcb" || resp.Header.Get("Set-Cookie") == "" || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%q %v", got, resp.Header)
	}
}

// An event leaves as soon as it is whole, in every coding.
func TestEventsAreNotHeldUp(t *testing.T) {
	for in, enc := range encoders {
		more := make(chan struct{})
		b := injecting(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Content-Encoding", in)
			z := enc(w)
			for i := range 3 {
				fmt.Fprintf(z, "data: %d\n\n", i)
				z.(interface{ Flush() error }).Flush()
				w.(http.Flusher).Flush()
				<-more
			}
			z.Close()
		})
		req, _ := http.NewRequest("GET", "https://api.example/events", nil)
		req.Header.Set("Accept-Encoding", in)
		resp, err := b.client(false).Transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			want := fmt.Sprintf("data: %d\n\n", i)
			got := make([]byte, len(want))
			if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != want {
				t.Fatalf("%s: %q, %v", in, got, err)
			}
			more <- struct{}{}
		}
		resp.Body.Close()
	}
}

// T35: an agent that asks a token endpoint by itself, with the gateway's account, gets
// no token and no session, in whichever shape and coding the answer comes, cut anywhere,
// and even where the secret itself is too short to be looked for.
func TestT35_TokenEndpoints(t *testing.T) {
	shapes := map[string]struct{ media, text, want string }{
		"oauth": {
			"application/json", `{"access_token":"abcdefgh","token_type":"Bearer","refresh_token":"abcdefgh"}`,
			`{"access_token":"********","token_type":"Bearer","refresh_token":"********"}`,
		},
		"github": {"application/x-www-form-urlencoded; charset=utf-8", "access_token=abcdefgh&scope=repo", "access_token=********&scope=repo"},
		"sts": {
			"text/xml",
			"<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\n<SessionToken>\nabcdefgh\n</SessionToken><SecretAccessKey>abcdefgh</SecretAccessKey><Expiration>2026-11-25T00:00:00Z</Expiration><AccessKeyId>ASIA</AccessKeyId></Credentials></AssumeRoleResult></AssumeRoleResponse>",
			"<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\n<SessionToken>\n********\n</SessionToken><SecretAccessKey>********</SecretAccessKey><Expiration>2026-11-25T00:00:00Z</Expiration><AccessKeyId>ASIA</AccessKeyId></Credentials></AssumeRoleResult></AssumeRoleResponse>",
		},
		"sso": {
			"application/x-amz-json-1.1", `{"roleCredentials":{"accessKeyId":"ASIA","secretAccessKey":"abcdefgh","sessionToken":"abcdefgh","expiration":1}}`,
			`{"roleCredentials":{"accessKeyId":"ASIA","secretAccessKey":"********","sessionToken":"********","expiration":1}}`,
		},
	}
	for _, secret := range []string{awkward, "short"} {
		b := injecting(t, func(w http.ResponseWriter, r *http.Request) {
			shape, coding := shapes[r.URL.Query().Get("as")], r.URL.Query().Get("in")
			w.Header().Set("Set-Cookie", "session=abcdefgh")
			w.Header().Set("Trailer", "Set-Cookie")
			w.Header().Set("Content-Type", shape.media)
			whole := []byte(shape.text)
			if enc := encoders[coding]; enc != nil {
				var packed bytes.Buffer
				z := enc(&packed)
				z.Write(whole)
				z.Close()
				w.Header().Set("Content-Encoding", coding)
				whole = packed.Bytes()
			}
			for i := range whole { // one flush between any two bytes
				w.Write(whole[i : i+1])
				w.(http.Flusher).Flush()
			}
			w.Header().Set("Set-Cookie", "late=abcdefgh")
		})
		b.secret = secret
		for _, h2 := range []bool{false, true} {
			c := b.client(h2)
			for as, shape := range shapes {
				for _, in := range []string{"", "gzip", "deflate", "br", "zstd"} {
					req, err := http.NewRequest(http.MethodPost, fmt.Sprintf("https://api.example/token?as=%s&in=%s", as, in), strings.NewReader("grant_type=client_credentials"))
					if err != nil {
						t.Fatal(err)
					}
					req.Header.Set("Accept-Encoding", "gzip, br, zstd, deflate")
					resp, err := c.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					got, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if err != nil || string(got) != shape.want || len(resp.Header["Set-Cookie"])+len(resp.Trailer["Set-Cookie"]) > 0 {
						t.Errorf("%s in %q with %q: %s %v %v, %v", as, in, secret, got, resp.Header, resp.Trailer, err)
					}
				}
			}
		}
	}
}
