package route

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
)

// maxRequest bounds the body of an API request.
const maxRequest = 1 << 20

// The types of the problems that a program acts on.
const (
	typeLogin  = "https://sallyport.dev/problems/login"
	typeRight  = "https://sallyport.dev/problems/right"
	typeStepUp = "https://sallyport.dev/problems/step-up"
	typeStale  = "https://sallyport.dev/problems/changed-meanwhile"
)

var (
	errUnproven = Fault{http.StatusUnauthorized, typeLogin, errors.New("log in first")}
	errStale    = Fault{http.StatusForbidden, typeStepUp, errors.New("prove once more who you are (POST /api/v1/session/step-up), then try again")}
)

// A Fault is an error with the HTTP status that tells it.
type Fault struct {
	Status int
	Type   string // a URI that a program can act on; "": the status says it all
	Err    error
}

func (f Fault) Error() string { return f.Err.Error() }
func (f Fault) Unwrap() error { return f.Err }

// BadRequest is the fault of a request that no other state of the gateway would
// make right.
func BadRequest(format string, args ...any) error {
	return Fault{Status: http.StatusBadRequest, Err: fmt.Errorf(format, args...)}
}

// NotFound is the fault of asking for what is not there.
func NotFound(format string, args ...any) error {
	return Fault{Status: http.StatusNotFound, Err: fmt.Errorf(format, args...)}
}

// Conflict is the fault of asking for what cannot be done as things stand.
func Conflict(format string, args ...any) error {
	return Fault{Status: http.StatusConflict, Err: fmt.Errorf(format, args...)}
}

// Forbidden is the fault of asking for what the caller may not have.
func Forbidden(format string, args ...any) error {
	return Fault{http.StatusForbidden, typeRight, fmt.Errorf(format, args...)}
}

// IfMatch fails with 412 if the request was made for another revision than the
// current one, and with 428 if it names none: a blind write loses edits.
func IfMatch(r *http.Request, current string) error {
	switch r.Header.Get("If-Match") {
	case `"` + current + `"`:
		return nil
	case "":
		return Fault{Status: http.StatusPreconditionRequired, Err: errors.New("say with If-Match which revision you change")}
	}
	return Stale(errors.New("it was changed meanwhile; look at it again"))
}

// Stale is the fault of changing what somebody else has changed meanwhile.
func Stale(err error) error { return Fault{http.StatusPreconditionFailed, typeStale, err} }

// A detailed error tells programs more than words do.
type detailed struct {
	error
	data any
}

func (d detailed) Unwrap() error { return d.error }

// With adds to a fault what a program can act on; it becomes the problem's data.
func With(err error, data any) error { return detailed{err, data} }

// A Problem is how a refusal looks (RFC 9457).
type Problem struct {
	Type   string `json:"type,omitempty"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Data   any    `json:"data,omitempty"` // what a program can act on
}

// Fail answers a request with err, as a problem.
func Fail(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	f := Fault{Status: http.StatusInternalServerError, Err: err}
	var large *http.MaxBytesError
	if !errors.As(err, &f) && errors.As(err, &large) {
		f.Status = http.StatusRequestEntityTooLarge
	}
	if f.Status == http.StatusInternalServerError {
		log.Error("an API call failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(f.Status)
	p := Problem{Type: f.Type, Title: http.StatusText(f.Status), Status: f.Status, Detail: err.Error()}
	var more detailed
	if errors.As(err, &more) {
		p.Data = more.data
	}
	if err := json.NewEncoder(w).Encode(p); err != nil {
		log.Debug("an operator hung up", "path", r.URL.Path, "err", err)
	}
}

// decode reads a JSON body strictly into v: one value of known fields. No error
// quotes a value, which may be a secret.
func decode(r *http.Request, v any) error {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil && dec.Decode(&struct{}{}) != io.EOF {
		err = errors.New("more than one value")
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return Fault{Status: http.StatusRequestEntityTooLarge, Err: fmt.Errorf("the request body is larger than %d bytes", large.Limit)}
	}
	if err != nil {
		return BadRequest("the request body: %w", err)
	}
	return nil
}
