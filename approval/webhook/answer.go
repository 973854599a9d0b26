package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
)

// Via is how a person who answers by webhook is said to have proved themselves:
// the holder of the key vouches for them.
const Via = "webhook"

const (
	maxName   = 254      // of an address, RFC 5321
	maxAnswer = 16 << 10 // of the body of an answer
	maxNonces = 1 << 16  // ids of messages that are remembered: 100 a second for the whole window
)

// A Desk takes answers.
type Desk interface {
	Get(id string) (approval.Request, bool)
	Answer(id string, yes bool, who action.Person, note string, scope approval.Scope) (approval.Request, error)
}

// A Key is the secret of one webhook of one approver.
type Key struct {
	Approver string // "approver.oncall"
	Secret   func() ([]byte, error)
}

// An Inbox takes signed answers. Its fields are set before the first one.
type Inbox struct {
	Desk     Desk
	Keys     func() []Key // of the configuration in force
	Approver func(name string) (approval.Approver, bool)
	Now      func() time.Time

	mu     sync.Mutex
	nonces map[string]time.Time // id -> when it may be forgotten; guarded by mu
}

// An Answer is the body of a message that answers an ask.
type Answer struct {
	Approval string `json:"approval"` // the id, once more: the signature covers it here
	Answer   string `json:"answer"`   // "approve" or "deny"
	By       string `json:"by"`       // who answers, as the configuration names people
	Note     string `json:"note"`
}

var (
	// ErrReplay means that a message with this id was taken before.
	ErrReplay = errors.New("a message with this id was taken already")
	// ErrForm means that a signed message is no answer.
	ErrForm = errors.New("not an answer")
	// ErrNotForHooks means that the ask takes no answers by webhook from this key.
	ErrNotForHooks = errors.New("this key cannot answer it")
)

// Take reads one signed answer to the ask id and gives it to the desk. The key
// must be one of an approver of that ask, and the person one of its members.
func (in *Inbox) Take(id string, h http.Header, r io.Reader) (approval.Request, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	if err != nil {
		return approval.Request{}, fmt.Errorf("read the answer: %w", err)
	}
	if len(body) > maxAnswer {
		return approval.Request{}, fmt.Errorf("%w: larger than %d bytes", ErrForm, maxAnswer)
	}
	signed, nonce, err := in.signers(h, body)
	if err != nil {
		return approval.Request{}, err
	}
	a, err := read(body)
	if err != nil {
		return approval.Request{}, err
	}
	if a.Approval != id {
		return approval.Request{}, fmt.Errorf("%w: it is for approval %q", ErrForm, a.Approval)
	}
	who := action.Person{Name: a.By, Via: Via}
	if err := in.may(id, who, signed); err != nil {
		return approval.Request{}, err
	}
	if !in.fresh(nonce) {
		return approval.Request{}, ErrReplay
	}
	return in.Desk.Answer(id, a.Answer == "approve", who, a.Note, approval.Scope{})
}

// signers gives the keys that the message is signed with.
func (in *Inbox) signers(h http.Header, body []byte) (signed []Key, nonce string, err error) {
	err = ErrSignature
	for _, k := range in.Keys() {
		secret, bad := k.Secret()
		if bad != nil {
			continue // a secret without a value signs nothing
		}
		got, bad := Verify(h, secret, in.Now(), body)
		if bad != nil {
			err = bad
			continue
		}
		signed, nonce = append(signed, k), got
	}
	if len(signed) > 0 {
		return signed, nonce, nil
	}
	return nil, "", err
}

// read takes an answer strictly: every member known, nothing behind it.
func read(body []byte) (Answer, error) {
	var a Answer
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&a); err != nil {
		return a, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return a, fmt.Errorf("%w: something stands behind it", ErrForm)
	}
	if a.Answer != "approve" && a.Answer != "deny" || !named(a.By) {
		return a, fmt.Errorf(`%w: it needs "answer", approve or deny, and "by", a name`, ErrForm)
	}
	return a, nil
}

// named reports whether s can be somebody's name: plain ASCII, since letters that
// fold to others must not make somebody else of anyone.
func named(s string) bool {
	plain := s != "" && len(s) <= maxName
	for _, r := range s {
		plain = plain && r > ' ' && r <= '~'
	}
	return plain
}

// may reports whether the signers may speak for who about this ask. The desk
// counts a person for every approver they belong to, so the key must be of each.
func (in *Inbox) may(id string, who action.Person, signed []Key) error {
	r, ok := in.Desk.Get(id)
	if !ok {
		return fmt.Errorf("approval %s: %w", id, approval.ErrUnknown)
	}
	some := false
	for _, n := range r.Needs {
		a, _ := in.Approver(n.Approver)
		belongs := n.Approver == "" || slices.ContainsFunc(a.Members, who.Is)
		speaks := slices.ContainsFunc(signed, func(k Key) bool { return k.Approver == n.Approver })
		if belongs && !speaks {
			return fmt.Errorf("approval %s: %w: it would count for somebody else, too", id, ErrNotForHooks)
		}
		some = some || belongs
	}
	if !some {
		return fmt.Errorf("approval %s: %w", id, ErrNotForHooks)
	}
	return nil
}

// fresh remembers the id of a message; it reports false for one that is known, and
// when there is no room to remember it.
func (in *Inbox) fresh(nonce string) bool {
	now := in.Now()
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.nonces == nil {
		in.nonces = make(map[string]time.Time)
	}
	if until, known := in.nonces[nonce]; known && now.Before(until) {
		return false
	}
	if len(in.nonces) >= maxNonces {
		for n, until := range in.nonces {
			if !now.Before(until) {
				delete(in.nonces, n)
			}
		}
	}
	if len(in.nonces) >= maxNonces {
		return false
	}
	in.nonces[nonce] = now.Add(2 * Window)
	return true
}
