package idp

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

func (s *Server) metadata(w http.ResponseWriter, _ *http.Request) {
	m := map[string]any{
		"issuer": s.URL, "authorization_endpoint": s.URL + "/authorize", "token_endpoint": s.URL + "/token",
		"device_authorization_endpoint": s.URL + "/device", "code_challenge_methods_supported": []string{"S256"},
		"authorization_response_iss_parameter_supported": !s.Silent,
	}
	if s.Method != "" {
		m["token_endpoint_auth_methods_supported"] = []string{s.Method}
	}
	if s.Register {
		m["registration_endpoint"] = s.URL + "/register"
	}
	write(w, http.StatusOK, m)
}

func (s *Server) protected(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, map[string]any{"resource": s.Resource(), "authorization_servers": []string{s.URL}, "scopes_supported": []string{"read", "offline_access"}})
}

// resource echoes what it was sent to whoever has a token for it.
func (s *Server) resource(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	l := s.access[token]
	good, used := l != nil && !l.family.revoked && l.resource == s.Resource(), s.Used
	s.mu.Unlock()
	if good && used != nil {
		used()
	}
	if !good {
		w.Header().Set("WWW-Authenticate", `Bearer realm="mcp", resource_metadata="`+s.URL+`/.well-known/oauth-protected-resource/mcp"`)
		http.Error(w, "no token", http.StatusUnauthorized)
		return
	}
	write(w, http.StatusOK, map[string]string{"you_sent": r.Header.Get("Authorization")})
}

func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	var c struct {
		Redirects []string `json:"redirect_uris"`
		Grants    []string `json:"grant_types"`
		Method    string   `json:"token_endpoint_auth_method"`
		Name      string   `json:"client_name"`
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	want := s.Method
	if want == "" {
		want = "none"
	}
	if !s.Register || json.NewDecoder(r.Body).Decode(&c) != nil || c.Method != want || c.Name == "" || !slices.Contains(c.Grants, "refresh_token") {
		s.complain("registered badly: %+v", c)
		write(w, http.StatusBadRequest, map[string]string{"error": "invalid_client_metadata"})
		return
	}
	id, secret := "client-"+rand.Text()[:8], ""
	answer := map[string]any{"client_id": id, "redirect_uris": c.Redirects, "token_endpoint_auth_method": c.Method}
	if want != "none" {
		secret = "registered-" + rand.Text()
		answer["client_secret"] = secret
	}
	s.Clients[id], s.Back[id] = secret, c.Redirects
	write(w, http.StatusCreated, answer)
}
