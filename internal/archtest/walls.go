package archtest

// module is the import path of the tree.
const module = "sallyport.dev/sallyport"

// may lists what the packages of a folder may import from this module, beside
// what stands in the same folder. The longest folder counts; "x/..." is x with
// all below it. A new arrow is a change of the architecture: say why in the
// commit that adds it.
var may = map[string][]string{
	// Floor 1
	"action":            {},
	"vault":             {"action", "vault/expiry", "vault/file", "vault/scrub", "vault/seal"},
	"vault/ca":          {"action", "vault"},
	"vault/remote":      {"vault", "vault/answer"},
	"vault/placeholder": {"action", "vault", "vault/scrub"},

	// Floor 2: none imports another
	"netstack":                  {"action"},
	"netstack/dns":              {"action", "netstack"},
	"netstack/tun":              {"action", "netstack"},
	"netstack/capture":          {"action", "netstack", "netstack/tun"},
	"netstack/wireguard":        {"action", "netstack", "netstack/tun", "netstack/capture"},
	"netstack/tailnet":          {"action", "netstack", "netstack/tun", "netstack/capture"},
	"netstack/trial":            {"action", "netstack", "netstack/tun", "internal/pulse"},                                     // what all transports must stand, for their tests
	"netstack/socket":           {},                                                                                           // the machine's own TCP sockets, which the gateway dials
	"protocols":                 {"action", "vault", "vault/placeholder"},                                                     // what agents hold in place of keys is looked for where they speak
	"protocols/http":            {"action", "action/command", "vault/...", "protocols", "protocols/tcp", "protocols/llm/..."}, // an upgraded connection is an opaque one; answers of models are read on the way
	"protocols/postgres":        {"action", "vault", "vault/scrub", "protocols"},
	"protocols/tcp":             {"action", "vault", "protocols"},
	"protocols/postgres/copyin": {"action", "vault/placeholder", "protocols/postgres/..."}, // rows that are copied in are looked at for placeholders
	"policy":                    {"action", "action/command"},                              // commands are shown without the secrets in their arguments
	"approval":                  {"action"},
	"audit":                     {"action"},

	// Floor 3
	"gateway":        {"action", "vault", "vault/placeholder", "netstack", "netstack/socket", "protocols", "approval", "audit"},
	"dashboard":      {"action", "vault", "vault/grant", "netstack", "approval", "audit", "audit/record", "audit/usage"},
	"dashboard/oidc": {"action", "vault/answer", "dashboard/pending"},                           // an identity provider may be proven by an authority of its own
	"dashboard/har":  {"action", "audit", "audit/record", "dashboard/route", "dashboard/sight"}, // it reads records as they are kept
	"internal/store": {"action", "vault", "vault/seal", "netstack", "netstack/dns", "approval", "audit/..."},

	// Floor 4: node is the wiring, apart from cmd so that the lab runs the same one
	"internal/node": {
		"action", "vault/...", "netstack/...", "protocols", "protocols/llm", "policy", "policy/edit/...", "policy/lsp", "policy/manifest", "policy/replay", "policy/sketch", "policy/presets/card", "approval/...", "audit", "audit/forward", "audit/record", "audit/tally", "gateway", "gateway/probe", "dashboard/...", "internal/store", "internal/past", "internal/node/...",
	},
	"internal/past": {"action", "audit/record", "policy/replay"}, // records, for the policy to judge again
	"docs":          {},                                          // embedded, for the dashboard to show
	"internal/demo": {"internal/pgserver", "internal/pki"},
	"cmd": {
		"action", "vault/...", "netstack/...", "protocols/...", "policy/...", "approval", "audit/...", "gateway", "gateway/probe",
		"dashboard/...", "docs", "internal/node/...", "internal/past", "internal/demo",
	},

	// Beside the house: tests and what serves them
	"internal/archtest":   {},
	"internal/notrun":     {},
	"internal/pulse":      {}, // how long the machine stood still, for tests of time
	"internal/testreport": {},
	"internal/pgserver":   {}, // for the demo, too, as is pki
	"internal/pki":        {},
	"internal/sigv4":      {},
	"internal/lab": {
		"action", "vault/...", "netstack/...", "protocols/...", "policy/...", "approval/...", "audit/...",
		"gateway/...", "dashboard/...", "docs", "internal/store/...", "internal/node", "internal/notrun", "internal/pgserver", "internal/pki",
	},
	"internal/bench": {
		"action", "vault/...", "netstack/...", "protocols/...", "policy/...", "approval/...", "audit/...",
		"gateway/...", "dashboard/...", "internal/store/...", "internal/lab/...", "internal/pgserver", "internal/pki",
	},
	"internal/e2e":         {"internal/lab/...", "internal/notrun", "internal/pgserver", "internal/pki"},
	"internal/conformance": {"action", "approval", "audit/...", "dashboard/route", "internal/lab", "internal/notrun", "internal/pgserver"},
}

// testSupport may dial, and may use the libraries of those it stands in for.
var testSupport = []string{"internal/lab", "internal/bench", "internal/e2e", "internal/conformance", "internal/notrun", "internal/pulse", "netstack/trial"}

// A library may be imported only in some folders, by code that is no test.
type library struct {
	prefix string // of the import path
	where  []string
}

var libraries = []library{
	{"github.com/hashicorp/hcl", []string{"policy", "cmd"}},
	{"github.com/zclconf/go-cty", []string{"policy", "cmd"}},
	{"gvisor.dev/gvisor", []string{"netstack"}},
	{"golang.zx2c4.com/wireguard", []string{"netstack"}},
	{"github.com/tailscale", []string{"netstack"}},
	{"tailscale.com", []string{"netstack/tailnet"}},
	{"github.com/miekg/dns", []string{"netstack/dns"}},
	{"github.com/jackc/pgx/v5/pgproto3", []string{"protocols/postgres"}},
	{"github.com/jackc/pgx", []string{"internal/store", "internal/demo"}}, // the demo plays an agent
	{"github.com/vektah/gqlparser", []string{"protocols/http/call"}},
	{"github.com/xdg-go/scram", []string{"protocols/postgres"}},
	{"github.com/pganalyze", []string{"protocols/postgres/sql"}},
	{"github.com/slack-go/slack", []string{"approval/slack"}},
	{"github.com/gorilla/websocket", []string{"approval/slack"}},
	{"database/sql", []string{"internal/store"}},
	{"modernc.org/sqlite", []string{"internal/store"}},
	{"github.com/spf13", []string{"cmd"}},
	{"github.com/prometheus", []string{"dashboard", "cmd"}},
	{"os/exec", []string{"cmd", "internal/pgserver", "internal/testreport"}},
	{"plugin", nil},
	{"unsafe", []string{"netstack"}},
	{"testing", nil},
}

// dialers are the files that may reach out: one for the agents, and the
// commands, which hand a dialer to what the gateway itself must reach.
var dialers = []string{"gateway/dial.go", "cmd"}

// A reach is a way out of the machine, or a look for one, and who may have it.
type reach struct {
	from  string // import path
	names []string
	where []string
}

var reaches = []reach{
	{"net", []string{"Dial", "DialTimeout", "DialTCP", "DialUDP", "DialIP", "DialUnix", "Dialer"}, dialers},
	{"net", []string{"DefaultResolver", "LookupHost", "LookupIP", "LookupAddr", "LookupCNAME", "LookupMX", "LookupNS", "LookupSRV", "LookupTXT"}, dialers},
	{"net", []string{"ResolveTCPAddr", "ResolveIPAddr"}, dialers},
	{"crypto/tls", []string{"Dial", "DialWithDialer", "Dialer"}, dialers},
	{"net/http", []string{"DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm"}, dialers},
	{"net/smtp", []string{"Dial", "SendMail"}, dialers},
	{"net/rpc", []string{"Dial", "DialHTTP", "DialHTTPPath"}, dialers},
	// The sockets of an overlay, and the address of its other end.
	{"net", []string{"ListenPacket", "ListenUDP", "ListenIP", "ListenMulticastUDP", "ResolveUDPAddr"}, []string{"netstack", "cmd"}},
}

// hooks are the types that dial by themselves unless one of these fields says
// how. A value of them is made as a literal with the field, or by the dialers.
var hooks = map[string][]string{
	"net/http.Transport": {"DialContext", "DialTLSContext"},
	"net/http.Client":    {"Transport"},
	"net.Resolver":       {"Dial"},

	"github.com/gorilla/websocket.Dialer": {"NetDialContext"},
}

// What a reader can hold in mind at once, in lines; tests and generated code aside.
const (
	maxFunc    = 60
	maxFile    = 400
	maxPackage = 1500
)
