package aws

import (
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A signature is what an agent put on a request, in parts.
type signature struct{ credential, fields, value, date string }

// whole reports whether the parts are what they must be, for the day of the scope
// (docs.aws.amazon.com/IAM, "Elements of an AWS API request signature").
func (s *signature) whole(day string) bool {
	at, err := time.Parse(moment, s.date)
	if err != nil || at.Format("20060102") != day || !digest(s.value) || strings.ToLower(s.value) != s.value {
		return false
	}
	fields := strings.Split(s.fields, ";")
	lower := func(f string) bool { return f != "" && f == strings.ToLower(f) }
	return slices.IsSorted(fields) && slices.Contains(fields, "host") && !slices.ContainsFunc(fields, func(f string) bool { return !lower(f) })
}

// moment is how a signature tells its time (ISO 8601, basic).
const moment = "20060102T150405Z"

// read gives the signature of a request.
func read(header http.Header, query string) (*signature, error) {
	switch values := header["Authorization"]; {
	case len(values) > 1:
		return nil, errShape
	case len(values) == 1:
		return inHeader(values[0], header)
	}
	return inQuery(query)
}

// inHeader reads "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…".
func inHeader(value string, header http.Header) (*signature, error) {
	rest, ok := strings.CutPrefix(value, algorithm+" ")
	if !ok {
		return nil, errShape
	}
	s := &signature{}
	parts := map[string]*string{"Credential": &s.credential, "SignedHeaders": &s.fields, "Signature": &s.value}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(textproto.TrimString(part), "=")
		if parts[name] == nil || value == "" {
			return nil, errShape
		}
		*parts[name] = value
		delete(parts, name) // each of them once
	}
	switch dates := header["X-Amz-Date"]; {
	case len(parts) > 0 || len(dates) > 1:
		return nil, errShape
	case len(dates) == 1:
		s.date = dates[0]
		return s, nil
	}
	at, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return nil, errShape
	}
	s.date = at.UTC().Format(moment)
	return s, nil
}

// inQuery reads a presigned URL.
func inQuery(query string) (*signature, error) {
	s, of := &signature{}, ""
	parts := map[string]*string{
		"X-Amz-Algorithm": &of, "X-Amz-Credential": &s.credential, "X-Amz-SignedHeaders": &s.fields, "X-Amz-Signature": &s.value, "X-Amz-Date": &s.date,
	}
	found := false
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		into, ok := parts[name]
		if !ok {
			continue
		}
		plain, err := url.QueryUnescape(value)
		if err != nil || *into != "" {
			return nil, errShape
		}
		*into, found = plain, true
	}
	switch {
	case !found:
		return nil, errUnsigned
	case of != algorithm:
		return nil, errShape
	}
	return s, nil
}
