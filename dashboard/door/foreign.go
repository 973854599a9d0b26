package door

import (
	"errors"
	"mime"
	"net/http"
	"slices"

	"sallyport.dev/sallyport/dashboard/route"
)

// protect sets what every answer carries: nothing is loaded, framed, sniffed or
// told to others. The pages replace the policy by their own.
func protect(h http.Header, secure bool) {
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	if secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

var (
	errHost    = route.Fault{Status: http.StatusMisdirectedRequest, Err: errors.New("the gateway has no such name; use the one that it prints when it starts")}
	errOrigin  = route.Forbidden("another site sent this")
	errContent = route.Fault{Status: http.StatusUnsupportedMediaType, Err: errors.New("send JSON, with its Content-Type")}
)

// foreign fails for a request that a page of somebody else has made, in the
// browser of an operator: by a name that was pointed here (DNS rebinding), across
// sites, in a frame, or with a form.
func foreign(r *http.Request, hosts []string) error {
	if !slices.Contains(hosts, hostOf(r.Host)) {
		return errHost
	}
	if err := new(http.CrossOriginProtection).Check(r); err != nil {
		return errOrigin
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		// A link may lead here. Nothing else of theirs may: not a script, an image, a
		// stream of events or a frame.
		if r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document" {
			return errOrigin
		}
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	// What a form or a request without a preflight can send (Fetch, section 2.2.2).
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	forms := []string{"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
	if err == nil && slices.Contains(forms, media) {
		return errContent
	}
	return nil
}
