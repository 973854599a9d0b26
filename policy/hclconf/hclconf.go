// Package hclconf reads configuration files into a Config in which every value
// has its type and the place it came from. It complains about everything at
// once, at the exact place and with the cure, and follows no more than the
// directory it was given. It compiles no rule and decides nothing.
package hclconf

import (
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/account"
	"sallyport.dev/sallyport/policy/hclconf/host"
	"sallyport.dev/sallyport/policy/hclconf/value"
	"sallyport.dev/sallyport/policy/place"

	"github.com/hashicorp/hcl/v2"
)

// A Config is what the files say, checked value by value. It is not changed
// after Parse has returned it.
type Config struct {
	Gateway   host.Gateway
	Operators host.Operators
	Services  []*Service
	Secrets   []*host.Secret
	Roles     []*Role
	Rules     []*Rule
	Approvers []*Approver
	Judges    []*Judge
	Prices    []*Price
	Tests     []*Test
}

// The values that a Config is made of.
type (
	// Str is a string and where it stands.
	Str = value.Str
	// Bool is a flag and where it stands.
	Bool = value.Bool
	// Ref is a reference such as service.github.
	Ref = value.Ref
	// Refs is a list of references, or "*" where that is allowed.
	Refs = value.Refs
	// Notice says where people are told.
	Notice = value.Notice
)

// A Service is where an agent may go, its preset already merged in.
type Service struct {
	Name         string
	Preset       string
	Protocol     Str
	Hosts        []Host
	Upstream     Str
	UpstreamHost place.Target
	Auth         *account.Account
	TLS          TLS
	Databases    []Str
	Catalog      Bool
	Usage        Str // "inject": see shape
	DryRun       Bool
	Posture      Str
	Session      action.Session
	SessionRange hcl.Range
	Operations   []*Operation
	Description  string
	Probe        string
	Variables    []Str // environment variables that agents hold a placeholder in
	Mode         Str

	EncodedPaths      bool
	FoldPaths         bool
	Passthrough       Bool
	InsecureInjection bool
	Range             hcl.Range
}

// A Host is one element of hosts.
type Host struct {
	place.Place
	Range hcl.Range
}

// TLS says what the upstream must prove.
type TLS struct {
	Disable     bool
	CA          Str // PEM text
	ServerName  string
	Negotiation Str // "direct": TLS without asking PostgreSQL for it
	Range       hcl.Range
}

// An Operation classifies requests of a service.
type Operation struct {
	Name    string
	Match   []Str // "POST /v1/refunds"
	Effects []Str
	As      Str // what its body is read as
	When    hcl.Expression
	Range   hcl.Range
}

// A Role says who may use what.
type Role struct {
	Name    string
	Members []Str
	Use     Refs
	Until   time.Time
	Range   hcl.Range
}

// A Rule is one rule as written. Lists holds the plain attributes by name.
type Rule struct {
	Name      string
	On        Refs
	Roles     Refs
	Lists     map[string]List
	When      hcl.Expression // nil when not stated
	Unless    hcl.Expression
	Verdict   action.Verdict
	Otherwise Str
	Limit     Limit
	Approvers Refs   // who is asked: approver.NAME, judge.NAME; none: any operator who may approve
	Terms     string // whose yes the approvers take
	Reason    string
	Observe   bool
	Until     time.Time
	Range     hcl.Range // of the header: rule "name"
	VerdictAt hcl.Range
}

// A Limit says how often a rule may match; the zero Limit is none.
type Limit struct {
	Text   string // "20/hour"
	Count  int
	Window time.Duration
	Per    string // "agent", "role" or "all"
}

// A List is a plain attribute of a rule.
type List struct {
	Items []Str
	Range hcl.Range // of the attribute
}

// A Test is one test block.
type Test struct {
	Name     string
	Roles    Refs
	Service  Ref // no Kind: not stated
	Request  Str
	Headers  map[string]string
	Body     Str
	SQL      Str
	Database string
	Agent    string
	User     string
	Tags     []Str
	At       time.Time
	Rule     Str
	Expect   action.Verdict
	Range    hcl.Range
}

// Texts gives the values of a list.
func Texts(list []Str) []string { return value.Texts(list) }
