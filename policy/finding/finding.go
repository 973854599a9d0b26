// Package finding is what `check` has to say about a configuration that loads:
// each kind has a word that stays, a sentence for the reference, and can be
// silenced where it stands, with a reason. What is wrong is an error, for others
// to tell.
package finding

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
)

// An ID is the word for one kind of finding. It stays from version to version.
type ID string

// The kinds of findings.
const (
	Empty           ID = "empty-configuration"
	UnusedService   ID = "unused-service"
	UnusedSecret    ID = "unused-secret"
	UnusedApprover  ID = "unused-approver"
	UnusedJudge     ID = "unused-judge"
	JudgeAlone      ID = "judge-alone"
	EmptyRole       ID = "role-without-services"
	NoAccount       ID = "role-without-account"
	Superuser       ID = "superuser-account"
	OpenSecret      ID = "open-with-secret"
	AllowAll        ID = "allow-all-with-secret"
	EndedRule       ID = "ended-rule"
	Unreachable     ID = "unreachable-rule"
	Silent          ID = "silent-rule"
	Covered         ID = "covered-rule"
	Duplicate       ID = "duplicate-rule"
	Contradictory   ID = "contradictory-rule"
	NeverTrue       ID = "contradictory-condition"
	Constant        ID = "constant-condition"
	NoSuchOperation ID = "unknown-operation"
	ImpossiblePath  ID = "impossible-path"
	FactNeverThere  ID = "fact-never-there"
	Stronger        ID = "stronger-than-effects"
	Views           ID = "views-not-expanded"
	NeverKnown      ID = "fact-never-known"
	OneIsEnough     ID = "contains-one-of-several"
	TrueIfAbsent    ID = "true-when-absent"
	EveryBody       ID = "reads-every-body"
	LimitObserved   ID = "limit-not-counted"
	KeyLiteral      ID = "key-literal"
	Unclear         ID = "bad-ignore"
	NothingSilenced ID = "unused-ignore"
)

// A Kind is what the reference says about one kind of finding.
type Kind struct {
	ID      ID
	Summary string // as it stands over each finding
	Doc     string
}

// Kinds lists every kind, in the order of the reference.
func Kinds() []Kind {
	return []Kind{
		{Empty, "Nothing there", "The configuration gives nobody anything."},
		{UnusedService, "Unused service", "No role uses the service, so no agent reaches it."},
		{UnusedSecret, "Unused secret", "Nothing takes the secret."},
		{UnusedApprover, "Unused approver", "No rule asks the approver."},
		{UnusedJudge, "Unused judge", "No rule asks the judge."},
		{JudgeAlone, "A model alone", "A judge that may decide can allow what is destructive, admin or unknown by itself."},
		{EmptyRole, "Role without services", "The role gives its members nothing."},
		{NoAccount, "Role without an account", "A role uses a service whose by_role has no account for it."},
		{Superuser, "Superuser account", "The account of a PostgreSQL service is the superuser's."},
		{OpenSecret, "Open with a secret", "A service with a secret has the posture open."},
		{AllowAll, "Everything with a secret", "A rule allows everything at a service with a secret."},
		{EndedRule, "Can never match", "The time of the rule, its until, is past."},
		{Unreachable, "Can never match", "No action can be what the rule states: no role of it uses its services, no service has its hosts or databases."},
		{Silent, "Can never match", "The rule speaks of something that the actions of a service do not have."},
		{Covered, "Covered", "Another rule always comes to the same or stricter."},
		{Duplicate, "Stated twice", "Two rules differ by nothing but their names."},
		{Contradictory, "Contradiction", "Attributes of one rule exclude each other, such as methods = [\"GET\"] with an operation that is a POST."},
		{NeverTrue, "Never true", "The parts of a condition exclude each other."},
		{Constant, "Always the same", "A condition reads no fact."},
		{NoSuchOperation, "No such operation", "No service of the rule has an operation of that name."},
		{ImpossiblePath, "Impossible path", "No path is spelt like that at any service of the rule."},
		{FactNeverThere, "Never there", "The rule reads a fact that only an operation with `as` opens, and no service of the rule has one."},
		{Stronger, "Stronger than its effects", "A rule that loosens names operations or verbs that do more than its effects say."},
		{Views, "Views are not expanded", "A deny by tables or columns at a service without catalog does not see what stands behind a view."},
		{NeverKnown, "Never known", "The rule reads a fact that needs catalog = true."},
		{OneIsEnough, "One of several is enough", "contains over a list fact in an unless or an allow: one value is enough, whatever the others are."},
		{TrueIfAbsent, "True when absent", "!= in an allow is true when the value is not there at all."},
		{EveryBody, "Reads every body", "A condition over the body without paths or operations holds up every request that has one."},
		{LimitObserved, "Counts nothing", "A rule in observe mode has a limit, and counts nothing."},
		{KeyLiteral, "Looks like a key", "A text looks like a key or password; it belongs into a secret."},
		{Unclear, "Cannot be read", "A comment sallyport:ignore names no kind of finding, or no reason."},
		{NothingSilenced, "Silences nothing", "A comment sallyport:ignore stands where there is no such finding."},
	}
}

// New makes a finding at a place.
func New(id ID, at hcl.Range, format string, args ...any) *hcl.Diagnostic {
	d := &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: summary(id), Detail: fmt.Sprintf(format, args...), Extra: mark(id)}
	if at.Filename != "" {
		d.Subject = at.Ptr()
	}
	return d
}

func summary(id ID) string {
	for _, k := range Kinds() {
		if k.ID == id {
			return k.Summary
		}
	}
	return string(id)
}

// mark is what a diagnostic carries its ID in.
type mark ID

// FindingID gives the ID, for those that know diagnostics only.
func (m mark) FindingID() string { return string(m) }

// Of gives the ID of a diagnostic; "" if it is no finding.
func Of(d *hcl.Diagnostic) ID {
	m, _ := d.Extra.(mark)
	return ID(m)
}
