package approval

import (
	"encoding/hex"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval/seal"
)

// A question is what one action asks, and how it is known again.
type question struct {
	action   string // id
	dec      action.Decision
	people   []action.Asking // those of dec that people must answer
	opinions []string        // what judges said
	exact    string          // binds agent, bytes and rules
	similar  string          // binds agent, place, kind of deed and rules; "": no kind is known
	req      *Request        // as it would be filed
	agent    string          // id
}

// filed forgets what only a new ask needs: an agent may wait for long.
func (q *question) filed() { q.req, q.people, q.opinions = nil, nil, nil }

// question reads an action whose Sample and Digest are set.
func (d *Desk) question(a *action.Action, dec action.Decision) *question {
	q := &question{
		action: a.ID, dec: dec, people: dec.Asks, agent: a.Peer.ID,
		req: &Request{
			ID: a.ID, State: Pending, Agent: a.Peer.Name, User: a.Peer.User, Service: a.Service.Name, Host: a.Host,
			Kind: a.Kind, Summary: a.Summary, Sample: string(a.Sample), Hidden: a.Hidden, Digest: hex.EncodeToString(a.Digest),
			Alike: a.Alike, Session: a.Session,
		},
	}
	digest := a.Digest
	if len(digest) == 0 { // nothing tells it from another: no other may use its answer
		digest = []byte(a.ID)
	}
	q.exact = d.bind("exact", dec.Asks, a.Peer.ID, a.Service.Name, a.Host, a.Dst.String(), a.Kind, string(digest))
	if a.Alike != "" {
		q.similar = d.bind("similar", dec.Asks, a.Peer.ID, a.Service.Name, a.Host, a.Dst.String(), a.Kind, a.Alike)
	}
	return q
}

// bind is what an answer is for: words in their order, and the rules that ask, with
// their reasons and approvers.
func (d *Desk) bind(purpose string, asks []action.Asking, words ...string) string {
	for _, a := range asks {
		words = append(words, "ask", a.Rule, a.Reason, a.Terms)
		words = append(words, a.Approvers...)
	}
	return seal.Of(d.Key, purpose, words...)
}

// allowed, denied and pending are what the question comes to.
func (q *question) allowed(id, reason string) action.Decision {
	return q.decision(action.Allow, reason, id)
}

func (q *question) denied(reason string) action.Decision {
	return q.decision(action.Deny, reason, "")
}

func (q *question) pending(id string) action.Decision {
	return q.decision(action.Ask, q.dec.Reason, id)
}

func (q *question) decision(v action.Verdict, reason, id string) action.Decision {
	return action.Decision{Verdict: v, Rule: q.dec.Rule, Reason: reason, Asks: q.dec.Asks, Would: q.dec.Would, Approval: id}
}
