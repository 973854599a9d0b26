// Package judge asks a language model whether an action may go on. The model sees
// what the gateway read of the action, and the agent's own text as fenced data;
// whatever it does not answer in form, and in time, is a no. It dials nothing
// itself and never loosens what its configuration does not let it loosen.
package judge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
)

// An API is the shape in which a model is asked.
type API string

// The shapes.
const (
	OpenAI    API = "openai"    // and whatever is compatible with its chat completions
	Anthropic API = "anthropic" // its messages
)

// Defaults and limits of a Judge.
const (
	DefaultTimeout = 20 * time.Second
	maxCalls       = 8       // to the model at the same time: a burst of asks must not become a burst of bills
	maxAgentCalls  = 3       // of one agent: it must not keep the others from being judged
	maxAnswer      = 1 << 20 // of the model's answer, in bytes
)

// A Config is one judge block.
type Config struct {
	Name    string // without "judge."
	API     API
	URL     string // of the call
	Model   string
	Prompt  string        // the operator's
	Decides bool          // may = "decide": its yes settles the rule
	Timeout time.Duration // 0: DefaultTimeout
	Cache   time.Duration // how long a verdict stands for the same question; 0: not at all
	Tables  []action.FactTable
	Mask    func(string) string // takes out of a text what must not leave; nil: nothing
	Spent   func(Usage)         // told what every answer has cost, verdict or not; nil: nobody is
	// Usage reads what an answer of a model took; nil where it does not say. Nil: no
	// answer is read.
	Usage func(answer []byte) *action.Usage
}

// A Judge asks one model. Its methods may be called at the same time.
type Judge struct {
	conf   Config
	client *http.Client
	log    *slog.Logger
	now    func() time.Time
	calls  chan struct{}   // a token each
	ctx    context.Context // ends with Close
	close  context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	flights map[key]*flight // guarded by mu
	turns   turns           // guarded by mu
	cache   cache           // guarded by mu
}

var _ approval.Judge = (*Judge)(nil)

// New makes a judge that reaches its model by client only, which must follow no
// redirect of its own accord. Close ends it.
func New(conf Config, client *http.Client, log *slog.Logger) *Judge {
	if conf.Timeout <= 0 {
		conf.Timeout = DefaultTimeout
	}
	if conf.Mask == nil {
		conf.Mask = func(s string) string { return s }
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	j := &Judge{
		conf: conf, client: &own, log: log.With("judge", conf.Name), now: time.Now,
		calls: make(chan struct{}, maxCalls), flights: make(map[key]*flight),
	}
	j.ctx, j.close = context.WithCancel(context.Background())
	return j
}

// Close ends the calls that still run and waits for them.
func (j *Judge) Close() {
	j.close()
	j.work.Wait()
}

// A flight is one question on its way to the model; several may wait for it.
type flight struct {
	done    chan struct{}
	opinion approval.Opinion // set before done is closed
	waiting int              // guarded by the judge's mu
	cancel  context.CancelFunc
}

// Judge gives the model's opinion about an action. It waits, at most for the
// timeout of the judge and until ctx ends; what goes wrong is a no.
func (j *Judge) Judge(ctx context.Context, a *action.Action) approval.Opinion {
	q := j.question(a)
	j.mu.Lock()
	k := q.key(j.cache.version)
	if o, ok := j.cache.get(k, j.now()); ok {
		j.mu.Unlock()
		return o
	}
	f := j.flights[k]
	if f == nil {
		f = j.launch(k, q, a.Peer.ID)
	}
	f.waiting++
	j.mu.Unlock()

	select {
	case <-f.done:
		return f.opinion
	case <-ctx.Done():
		j.leave(k, f)
		return j.no("nobody waits for it any more")
	}
}

// launch asks the model in a goroutine of its own, since the first to ask may be
// gone before the others. The caller holds mu.
func (j *Judge) launch(k key, q question, agent string) *flight {
	f := &flight{done: make(chan struct{})}
	ctx, cancel := context.WithTimeout(j.ctx, j.conf.Timeout)
	f.cancel = cancel
	j.flights[k] = f
	turn := j.turns.take(agent)
	j.work.Go(func() {
		defer cancel()
		o, version, err := j.ask(ctx, q, turn)
		if err != nil {
			j.log.Warn("the judge gives no answer, which is a no", "err", err)
			o = j.no(refusal(err))
		}
		j.mu.Lock()
		defer j.mu.Unlock()
		f.opinion = o
		j.turns.give(agent)
		if j.flights[k] == f {
			delete(j.flights, k)
		}
		if err == nil {
			j.cache.put(q, version, o, j.now(), j.conf.Cache)
		}
		close(f.done)
	})
	return f
}

// leave takes one waiter off a flight; a call that nobody waits for is ended.
func (j *Judge) leave(k key, f *flight) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if f.waiting--; f.waiting > 0 {
		return
	}
	f.cancel()
	if j.flights[k] == f {
		delete(j.flights, k)
	}
}

// ask puts a question to the model and reads its verdict. It waits until it is the
// agent's turn first, so that no call is kept for one who may not make it yet.
func (j *Judge) ask(ctx context.Context, q question, turn chan struct{}) (o approval.Opinion, version string, err error) {
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return approval.Opinion{}, "", fmt.Errorf("%d calls of this agent are running already: %w", maxAgentCalls, ctx.Err())
	}
	select {
	case j.calls <- struct{}{}:
		defer func() { <-j.calls }()
	case <-ctx.Done():
		return approval.Opinion{}, "", fmt.Errorf("%d calls are running already: %w", maxCalls, ctx.Err())
	}
	raw, err := j.post(ctx, q)
	if err != nil {
		return approval.Opinion{}, "", err
	}
	used := j.count(raw) // even if there is no verdict
	got, err := j.conf.API.read(raw)
	if err != nil {
		return approval.Opinion{}, "", err
	}
	o, err = j.rule(got.verdict, q)
	if err != nil {
		return approval.Opinion{}, "", err
	}
	j.log.Info("judged", "verdict", o.Judgement.String(), "model", got.model, "input_tokens", used.Input, "output_tokens", used.Output)
	return o, got.model, nil
}

// errNotItsOwn means that the model answered with a verdict that it may not give.
var errNotItsOwn = errors.New("it answered allow, which it may not")

// rule makes an opinion of what the model said. A model that has not seen the
// whole action cannot let it pass alone.
func (j *Judge) rule(v verdict, q question) (approval.Opinion, error) {
	o := approval.Opinion{Reason: "The judge " + j.conf.Name + " says: " + v.reason}
	switch {
	case v.word == "deny":
		o.Judgement = approval.Deny
	case v.word == "pass", v.word == "allow" && j.conf.Decides && q.cut:
		o.Judgement = approval.Pass
	case v.word == "allow" && j.conf.Decides:
		o.Judgement = approval.Allow
	default:
		return approval.Opinion{}, errNotItsOwn
	}
	return o, nil
}

// no is the opinion of a judge that did not come to one.
func (j *Judge) no(why string) approval.Opinion {
	return approval.Opinion{Reason: "The judge " + j.conf.Name + " gave no verdict: " + why + "."}
}

// refusal tells an agent why there is no verdict, without what the model said.
func refusal(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "it took too long"
	}
	return "it could not be asked, or its answer was not in form"
}

// A Usage is what answers have cost, in tokens.
type Usage struct{ Calls, Input, Output int64 }

// count passes on what one answer has cost.
func (j *Judge) count(answer []byte) Usage {
	used := Usage{Calls: 1}
	if j.conf.Usage != nil {
		if u := j.conf.Usage(answer); u != nil {
			used.Input, used.Output = u.Prompt(), u.Output
		}
	}
	if j.conf.Spent != nil {
		j.conf.Spent(used)
	}
	return used
}
