package aws

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	good   = "AWS4-HMAC-SHA256 Credential=AKIADUMMY/20260101/eu-central-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + sixty4
	sixty4 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	signed = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIADUMMY%2F20260101%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Date=20260101T120000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=" + sixty4
)

func fields(authorization string, more ...string) http.Header {
	h := http.Header{"X-Amz-Date": {"20260101T120000Z"}}
	if authorization != "" {
		h.Set("Authorization", authorization)
	}
	for i := 0; i < len(more); i += 2 {
		if h.Del(more[i]); more[i+1] != "" {
			h.Add(more[i], more[i+1])
		}
	}
	return h
}

// What an agent signs has the shape of a signature, in every part: something else is no
// request that an SDK made.
func TestTheShapeOfASignature(t *testing.T) {
	without := func(s, part string) string { return strings.Replace(s, part, "", 1) }
	in := func(old, with string) string { return strings.Replace(good, old, with, 1) }
	for name, tt := range map[string]struct {
		header http.Header
		query  string
		want   error
	}{
		"in the header":              {fields(good), "", nil},
		"without spaces":             {fields(strings.ReplaceAll(good, ", ", ",")), "", nil},
		"a slash in the key":         {fields(in("AKIADUMMY", "a/b")), "", nil},
		"by the usual date":          {fields(good, "X-Amz-Date", "", "Date", "Thu, 01 Jan 2026 12:00:00 GMT"), "", nil},
		"presigned":                  {fields(""), "x-id=GetObject&" + signed, nil},
		"not at all":                 {fields(""), "a=b", errUnsigned},
		"by a token":                 {fields("Bearer x"), "", errShape},
		"with an asymmetric key":     {fields(in("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")), "", errShape},
		"no value":                   {fields(without(good, sixty4)), "", errShape},
		"a short value":              {fields(in(sixty4, "0")), "", errShape},
		"a value that is none":       {fields(in("0123", "xyz0")), "", errShape},
		"a value in capitals":        {fields(in("abcdef", "ABCDEF")), "", errShape},
		"nothing but a credential":   {fields("AWS4-HMAC-SHA256 Credential=AKIADUMMY/20260101/eu-central-1/s3/aws4_request"), "", errShape},
		"no fields":                  {fields(in("host;x-amz-date", "")), "", errShape},
		"fields without the host":    {fields(in("host;x-amz-date", "x-amz-date")), "", errShape},
		"fields in another order":    {fields(in("host;x-amz-date", "x-amz-date;host")), "", errShape},
		"fields in capitals":         {fields(in("host;x-amz-date", "Host;host")), "", errShape},
		"twice the same part":        {fields(good + ", Credential=x"), "", errShape},
		"a part of no signature":     {fields(good + ", Extra=x"), "", errShape},
		"two of them":                {http.Header{"Authorization": {good, good}, "X-Amz-Date": {"20260101T120000Z"}}, "", errShape},
		"no date":                    {fields(good, "X-Amz-Date", ""), "", errShape},
		"a date that is none":        {fields(good, "X-Amz-Date", "2026-01-01"), "", errShape},
		"another day":                {fields(good, "X-Amz-Date", "20260102T000000Z"), "", errShape},
		"two dates":                  {http.Header{"Authorization": {good}, "X-Amz-Date": {"20260101T120000Z", "20260101T120000Z"}}, "", errShape},
		"a scope without a key":      {fields(in("AKIADUMMY/", "/")), "", errShape},
		"a strange region":           {fields(in("eu-central-1", "eu central")), "", errShape},
		"a scope of something else":  {fields(in("aws4_request", "aws2_request")), "", errShape},
		"presigned without a value":  {fields(""), without(signed, sixty4), errShape},
		"presigned by another":       {fields(""), strings.Replace(signed, "HMAC", "ECDSA", 1), errShape},
		"presigned twice":            {fields(""), signed + "&X-Amz-Signature=" + sixty4, errShape},
		"presigned for another day":  {fields(""), strings.Replace(signed, "Date=20260101", "Date=20260102", 1), errShape},
		"chunks":                     {fields(good, contentSHA256, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), "", errChunks},
		"a hash that is none":        {fields(good, contentSHA256, "x"), "", errShape},
		"what is said of the stream": {fields(good, contentSHA256, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"), "", nil},
	} {
		s, err := Read(tt.header, tt.query)
		if !errors.Is(err, tt.want) || err == nil && (s.Region != "eu-central-1" || s.Service != "s3") {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

// Whatever Amazon's own library signs has the shape.
func TestTheLibrarysSignatures(t *testing.T) {
	for _, day := range []time.Time{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 31, 23, 59, 59, 0, time.FixedZone("", -8*3600))} {
		creds := sdk.Credentials{AccessKeyID: "x", SecretAccessKey: "x"}
		r, err := http.NewRequest(http.MethodGet, "https://s3.eu-central-1.amazonaws.com/a?b=c", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Meta-Name", "a")
		url, _, err := v4.NewSigner().PresignHTTP(t.Context(), creds, r, "UNSIGNED-PAYLOAD", "s3", "eu-central-1", day)
		if err != nil {
			t.Fatal(err)
		}
		_, query, _ := strings.Cut(url, "?")
		if _, err := Read(http.Header{}, query); err != nil {
			t.Errorf("%s: %v", url, err)
		}
		if err := v4.NewSigner().SignHTTP(t.Context(), creds, r, sixty4, "s3", "eu-central-1", day); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(r.Header, "b=c"); err != nil {
			t.Errorf("%v: %v", r.Header, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(good, "20260101T120000Z", "", "")
	f.Add("", "", signed, "UNSIGNED-PAYLOAD")
	f.Fuzz(func(t *testing.T, authorization, date, query, payload string) {
		h := http.Header{}
		for name, value := range map[string]string{"Authorization": authorization, "X-Amz-Date": date, contentSHA256: payload} {
			if value != "" {
				h.Set(name, value)
			}
		}
		s, err := Read(h, query)
		if err == nil && (!name(s.Region) || !name(s.Service)) {
			t.Fatalf("%+v", s)
		}
	})
}
