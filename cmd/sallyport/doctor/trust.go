package doctor

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A store is a variable by which a runtime is told whom to trust.
type store struct {
	variable, runtime string
	adds              bool     // it adds to the runtime's own; else it replaces them
	needed            []string // programs that trust nobody else's word; nil: the system's roots do
	instead           string   // a variable that makes them take the system's roots
}

// stores are the variables that runtimes read, as docs/agents.md lists them.
func stores() []store {
	return []store{
		{variable: "SSL_CERT_FILE", runtime: "OpenSSL, Go, Ruby, Rust, Python's ssl"},
		{variable: "REQUESTS_CA_BUNDLE", runtime: "Python requests"},
		{variable: "CURL_CA_BUNDLE", runtime: "curl"},
		{variable: "PIP_CERT", runtime: "pip"},
		{variable: "NODE_EXTRA_CA_CERTS", runtime: "Node", adds: true, needed: []string{"node", "bun"}, instead: "NODE_USE_SYSTEM_CA"},
		{variable: "DENO_CERT", runtime: "Deno", adds: true, needed: []string{"deno"}, instead: "DENO_TLS_CA_STORE"},
		{variable: "GIT_SSL_CAINFO", runtime: "git"},
		{variable: "CARGO_HTTP_CAINFO", runtime: "cargo"},
		{variable: "AWS_CA_BUNDLE", runtime: "the AWS CLI and SDKs", needed: []string{"aws"}},
		{variable: "NIX_SSL_CERT_FILE", runtime: "Nix"},
		{variable: "HEX_CACERTS_PATH", runtime: "Elixir's Hex"},
		{variable: "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", runtime: "gRPC"},
		{variable: "PGSSLROOTCERT", runtime: "libpq"},
	}
}

// trust looks who on this machine believes the gateway's CA.
func (p *patient) trust(ctx context.Context) []finding {
	const system = "the system trusts the gateway's CA"
	if err := p.certificate(ctx); err != nil {
		return []finding{wrong(system, err.Error())}
	}
	install := "curl -fsS http://sallyport.internal/ca.pem -o /usr/local/share/ca-certificates/sallyport.crt && update-ca-certificates"
	found := []finding{judge(system, p.trustedBySystem(), install)}
	for _, s := range stores() {
		if f, ok := p.trustedBy(s); ok {
			found = append(found, f)
		}
	}
	if f, ok := p.trustedByJava(); ok {
		found = append(found, f)
	}
	return found
}

// bundles are where systems keep their roots.
func bundles() []string {
	return []string{
		"/etc/ssl/certs/ca-certificates.crt", // Debian, Alpine, Arch
		"/etc/pki/tls/certs/ca-bundle.crt",   // Fedora
		"/etc/ssl/ca-bundle.pem",             // SUSE
		"/etc/ssl/cert.pem",                  // BSD, macOS
	}
}

// trustedBySystem reports whether the system's own roots hold the CA, whatever the
// environment says.
func (p *patient) trustedBySystem() bool {
	for _, path := range bundles() {
		if ours, _, err := p.holds(path); err == nil {
			return ours
		}
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return false
	}
	_, err = p.ca.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err == nil
}

// trustedBy judges one variable; false: it is neither set nor needed.
func (p *patient) trustedBy(s store) (finding, bool) {
	check := fmt.Sprintf("it is trusted by %s (%s)", s.runtime, s.variable)
	path, set := p.environ(s.variable)
	if !set || path == "" {
		if v, ok := p.environ(s.instead); ok && v != "" && v != "0" {
			return finding{}, false
		}
		for _, program := range s.needed {
			if _, err := exec.LookPath(program); err == nil {
				return wrong(check, fmt.Sprintf("%s is installed and has roots of its own: set %s=%s", program, s.variable, p.bundleFor(s))), true
			}
		}
		return finding{}, false
	}
	ours, others, err := p.holds(path)
	switch {
	case err != nil:
		return wrong(check, fmt.Sprintf("it names %s: %v", path, err)), true
	case !ours:
		return wrong(check, fmt.Sprintf("the gateway's CA is not in %s: set it to %s", path, p.bundleFor(s))), true
	case !s.adds && others == 0:
		return unsure(check, fmt.Sprintf("%s has the gateway's CA alone and replaces all others: services with passthrough will not be believed; set it to %s", path, p.bundleFor(s))), true
	}
	return well(check), true
}

// bundleFor is the file that a variable should name.
func (p *patient) bundleFor(s store) string {
	if s.adds {
		return "/usr/local/share/ca-certificates/sallyport.crt"
	}
	return bundles()[0]
}

// holds reports whether a file of certificates has the CA, and how many others.
func (p *patient) holds(path string) (ours bool, others int, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return false, 0, err
	}
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return ours, others, nil
		}
		if bytes.Equal(block.Bytes, p.ca.Raw) {
			ours = true
		} else {
			others++
		}
	}
}

// trustedByJava tells that the JVM has to be looked at: its store is a binary file
// with a password.
func (p *patient) trustedByJava() (finding, bool) {
	java, err := exec.LookPath("java")
	if err != nil {
		return finding{}, false
	}
	const check = "it is trusted by the JVM (JAVA_TOOL_OPTIONS)"
	if o, _ := p.environ("JAVA_TOOL_OPTIONS"); strings.Contains(o, "-Djavax.net.ssl.trustStore=") {
		return unsure(check, "a store of its own is named; see that the gateway's CA is in it: keytool -list"), true
	}
	if resolved, err := filepath.EvalSymlinks(java); err == nil && strings.HasPrefix(resolved, "/usr/lib/jvm/") && p.trustedBySystem() {
		if _, err := os.Stat("/etc/ssl/certs/java/cacerts"); err == nil {
			return well(check), true // Debian keeps it beside the system's (ca-certificates-java)
		}
	}
	return unsure(check, "keytool -importcert -cacerts -alias sallyport -file /usr/local/share/ca-certificates/sallyport.crt"), true
}
